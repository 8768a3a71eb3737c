import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readLaunchConfig } from '@prometheus-actions/recipe';
import { PYTHON_VARIABLES } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { launcherArguments } from '../../packages/chain/src/launch.ts';
import { type Finished, PYTHON, startIn, startProgram, temporaryFolder } from './command.ts';
import { trappedFolder } from './python-traps.ts';
import { adapterRecipe } from './smoke-recipe.ts';

const { folder: workspace, sprung } = trappedFolder();
const runs = path.join(temporaryFolder(), 'runs');
const outputs = temporaryFolder();

beforeAll(() => {
  const names = readdirSync(workspace).map((name) => path.parse(name).name);
  expect(names).toEqual(
    expect.arrayContaining([
      'datasets',
      'numpy',
      'queue',
      'torch',
      'yaml',
      'accelerate',
      'mergekit',
      'sitecustomize',
    ]),
  );
  adapterRecipe(path.join(workspace, 'judge'), '{ config: cpu, processes: 2 }');
  // Where PYTHONHOME says that the standard library is.
  const library = path.join(workspace, 'lib/python3.11/encodings');
  mkdirSync(library, { recursive: true });
  writeFileSync(
    path.join(library, '__init__.py'),
    'raise SystemExit("the library of PYTHONHOME was imported")\n',
  );
  writeFileSync(path.join(workspace, 'pyvenv.cfg'), 'home = /nowhere\n');
});

/** What a caller may have in its environment: an empty part of PYTHONPATH is the working folder, too. */
const CALLER = {
  PYTHONPATH: `:${workspace}`,
  PYTHONSAFEPATH: '',
  PYTHONHOME: workspace,
  PYTHONSTARTUP: path.join(workspace, 'queue.py'),
};
const run = (args: string[], env: Record<string, string> = CALLER) => startIn(workspace, args, env).finished;

function expectDone({ code, output }: Finished, ...lines: RegExp[]): void {
  expect(sprung()).toBe('');
  for (const line of lines) expect(output).toMatch(line);
  expect(code, output).toBe(0);
}

describe('no Python file of the working folder is imported', () => {
  it('by a whole run: a base model, data, two processes that train, an adapter, mergekit', async () => {
    const finished = await run(['replicate', 'judge', '--artifacts-dir', runs]);
    expectDone(
      finished,
      /base-model: done/,
      /prepare-dataset .*: done/,
      /sft-train absolute: done/,
      /lora-merge absolute: done/,
      /mergekit \S+ makes this merge/,
      /model-merge: done/,
    );
  });

  it('by an engine of our own, with a Python that is named', async () => {
    const config = path.join(outputs, 'merge.yaml');
    writeFileSync(
      config,
      `models: [{ model: ${runs}/experts-merged/absolute }, { model: ${runs}/base }]\nmerge_method: linear\nparameters: { weight: 1 }\ndtype: bfloat16\n`,
    );
    const merge = ['model-merge', '--config', config, '--output-dir', path.join(outputs, 'judge')];
    expectDone(
      await run(merge, {
        ...CALLER,
        PROMETHEUS_PYTHON: PYTHON,
        NUMBA_CACHE_DIR: path.join(outputs, 'numba'),
      }),
      /model-merge: done/,
    );
  });

  it('by what accelerate starts for DeepSpeed, for which it adds the working folder to PYTHONPATH', async () => {
    const launch = readLaunchConfig('zero3', workspace, 2, []);
    if (!launch) throw new Error('no launch config zero3');
    // A name that a shell or env could take for something else.
    const python = path.join(outputs, 'run=1 $x/python');
    mkdirSync(path.dirname(python));
    writeFileSync(python, `#!/bin/sh\nexec ${PYTHON} "$@"\n`, { mode: 0o755 });
    const launcher = await launcherArguments(launch, python);
    const look = ['-m', 'prometheus_trainer.node_check', '--processes', '1', '--cpu', '--node', 'here'];
    const env = { ...CALLER, ...PYTHON_VARIABLES, DS_ACCELERATOR: 'cpu' };
    const started = startProgram(PYTHON, ['-P', ...launcher, ...look], { cwd: workspace, env });
    expectDone(await started.finished, /"node": "here", "problem": null[^]*"node": "here", "problem": null/);
  });

  it('by the command that starts a training with a launcher of its own', async () => {
    adapterRecipe(path.join(workspace, 'own'), '{ config: cpu, processes: 2, launcher: none }');
    const data = ['--artifacts-dir', path.join(outputs, 'own')];
    const expert = ['sft-train', '--recipe', 'own', '--expert', 'absolute', ...data];
    expectDone(
      await run(['prepare-dataset', '--recipe', 'own', '--dataset', 'feedback-collection', ...data]),
    );
    const ready = await run(expert);
    expectDone(ready, /sft-train absolute: stopped/);
    const printed = /^ {2}(PYTHONPATH=.*)$/m.exec(ready.output)?.[1] ?? '';
    expectDone(await startProgram('sh', ['-c', printed], { cwd: workspace, env: CALLER }).finished);
    expectDone(await run(expert), /sft-train absolute: done/);
  });

  it('but by a Python that is started as usual, so that the traps are known to work', () => {
    const start = () => execFileSync(PYTHON, ['-c', 'import queue'], { cwd: workspace, stdio: 'pipe' });
    expect(start).toThrow('of the working folder was imported');
    expect(sprung()).not.toBe('');
  });
});
