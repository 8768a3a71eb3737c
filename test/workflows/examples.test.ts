import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubServer } from '../../packages/hub/test/hub-server.ts';
import { contents, type Finished, PYTHON, startProgram, temporaryFolder } from '../system/command.ts';
import { makeRepository, ON_THIS_MACHINE, projectCopy, REWRITTEN } from './act.ts';

const OWNER = 'our-team';
const EXAMPLES = path.join(PROJECT_ROOT, 'docs/examples');
const { folder: project, rewritten } = projectCopy(`${OWNER}/prometheus-actions`);
const home = temporaryFolder();
const repository = path.join(home, 'support-judge');
const artifacts = path.join(home, 'artifacts');
const hub = new HubServer();

const ACT = [...ON_THIS_MACHINE, ...['--local-repository', `${OWNER}/prometheus-actions@v1=${project}`]];

/** In place of GitHub: `gh repo create` keeps what is pushed, `gh workflow run` runs it, from a clone, by act. */
const GH = `#!/usr/bin/env bash
set -euo pipefail
bare="$HOME/pushed.git"
case "$1 $2" in
  'repo create') git clone --quiet --bare . "$bare" ;;
  'workflow run')
    workflow=$3 inputs=()
    shift 3
    while (($#)); do inputs+=(--input "$2"); shift 2; done
    git clone --quiet "$bare" "$HOME/clone"
    cd "$HOME/clone"
    act workflow_dispatch -W ".github/workflows/$workflow" "\${inputs[@]}" ${ACT.map((argument) => `'${argument}'`).join(' ')} ;;
  *) exit 64 ;;
esac
`;

/** Runs a command while this process serves the hub. */
function run(program: string, args: string[], cwd: string): Promise<Finished> {
  const person = (role: string) => ({
    [`GIT_${role}_NAME`]: 'test',
    [`GIT_${role}_EMAIL`]: 'test@example.org',
  });
  const env = {
    ...person('AUTHOR'),
    ...person('COMMITTER'),
    OMP_NUM_THREADS: '1', // as under act: the same number of threads, the same weights
    CI: 'true',
    DO_NOT_TRACK: '1',
    OWNER,
    ARTIFACTS: artifacts,
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: path.join(home, 'huggingface'),
  };
  return startProgram(program, args, { cwd, env }).finished;
}

/** The commands of a document: all blocks that are said to be for the shell, in their order. */
function commandsOf(document: string): string {
  const text = readFileSync(path.join(PROJECT_ROOT, document), 'utf8');
  return [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block).join('\n');
}

beforeAll(async () => {
  // The tutorial starts beside a clone that is set up.
  cpSync(project, path.join(home, 'prometheus-actions'), { recursive: true });
  for (const name of ['node_modules', '.venv'])
    symlinkSync(path.join(PROJECT_ROOT, name), path.join(home, 'prometheus-actions', name));
  const model = path.join(home, 'small-language-model');
  const data = path.join(EXAMPLES, 'support-judge/judges/support/data');
  const files = readdirSync(data).map((name) => path.join(data, name));
  const made = spawnSync(PYTHON, [
    path.join(import.meta.dirname, 'small_language_model.py'),
    model,
    ...files,
  ]);
  expect(made.status, String(made.stderr)).toBe(0);
  const recipe = readFileSync(path.join(EXAMPLES, 'support-judge/judges/support/recipe.yaml'), 'utf8');
  const [, id, commit = ''] = /id: (\S+)\n\s*revision: (\S+)/.exec(recipe) ?? [];
  hub.repos[`models/${id}`] = {
    commit,
    files: Object.fromEntries(
      readdirSync(model).map((name) => [
        name,
        { content: readFileSync(path.join(model, name)), lfs: name.endsWith('.safetensors') },
      ]),
    ),
  };
  await hub.start();
  mkdirSync(path.join(home, 'bin'));
  writeFileSync(path.join(home, 'bin/gh'), GH);
  chmodSync(path.join(home, 'bin/gh'), 0o755);
});
afterAll(() => hub.stop());

describe('the tutorial', () => {
  it('ends with a judge that answers, and with the same one by the workflow that it calls', async () => {
    const script = `set -euo pipefail\nexport HOME=${home} PATH=${path.join(home, 'bin')}:$PATH\n${commandsOf('docs/tutorial.md')}`;
    const { code, output } = await run('bash', ['-c', script], home);
    expect(code, output.slice(-6000)).toBe(0);
    expect(output).toContain(`The judge is in ${repository}/runs/support/judge`);
    expect(output).toMatch(/to do: .*learning_rate changed/);
    expect(output).toContain(`The judge is in ${artifacts}/judge`);
    const judge = await contents(path.join(repository, 'runs/support/judge'));
    expect(Object.keys(judge)).toContain('model.safetensors');
    expect(await contents(path.join(artifacts, 'judge'))).toEqual(judge);
    const stages = JSON.parse(/\| (\[\{"stage".*\])$/m.exec(output)?.[1] ?? '[]') as Record<string, string>[];
    expect(stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
      'prepare-dataset/grades whole',
      'prepare-dataset/preferences whole',
      'sft-train/absolute whole',
      'sft-train/relative whole',
      'model-merge whole',
    ]);
  });

  it('calls a workflow that differs from the committed one in the spelling of uses: alone', () => {
    expect(rewritten.length).toBeGreaterThan(0);
    expect(rewritten.filter((line) => !REWRITTEN.test(line))).toEqual([]);
  });
});

describe('the workflow composed of actions', () => {
  it('finds all that the called one has made, and is of the same recipe', async () => {
    const clone = path.join(home, 'clone');
    const { code, output } = await runWorkflow(clone, 'composed', { 'artifacts-dir': artifacts });
    expect(code, output.slice(-4000)).toBe(0);
    expect(output.match(/::set-output:: cache-hit=true/g)).toHaveLength(5);
    expect(output).not.toContain('cache-hit=false');
    expect(output).toContain(`The judge is in ${artifacts}/judge`);
    expect(output).toContain('::set-output:: complete=true');
  });
});

describe('the check of pull requests', () => {
  it('passes the recipe as it is, and not with a mistake', async () => {
    const folder = exampleRepository('support-judge');
    const file = path.join(folder, 'judges/support/training.yaml');
    const git = (...args: string[]) =>
      spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout.trim();
    const base = git('rev-parse', 'HEAD');
    const check = (text: string) => {
      writeFileSync(file, text);
      const event = path.join(home, 'event.json');
      writeFileSync(event, JSON.stringify({ pull_request: { number: 1, base: { sha: base } } }));
      return run(
        'act',
        ['pull_request', '-W', '.github/workflows/recipes.yml', '--eventpath', event, ...ACT],
        folder,
      );
    };
    const text = readFileSync(file, 'utf8');
    const passed = await check(text.replace('num_train_epochs: 2', 'num_train_epochs: 3'));
    expect(passed.code, passed.output.slice(-4000)).toBe(0);
    expect(passed.output).toContain('num&#95;train&#95;epochs');
    const failed = await check(text.replace('num_train_epochs', 'num_epochs'));
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain('unknown key num_epochs');
  });
});

describe('one action in another repository', () => {
  it('merges two models, and finds the result up to date the next time', async () => {
    const folder = exampleRepository('merge-models');
    const merged = path.join(home, 'merged');
    const [a, b] = ['absolute', 'relative'].map((name) => path.join(artifacts, 'experts', name));
    const inputs = { a: a ?? '', b: b ?? '', 'output-dir': merged };
    const first = await runWorkflow(folder, 'merge', inputs);
    expect(first.code, first.output.slice(-4000)).toBe(0);
    expect(first.output).toContain(`merged=${merged} finished=true already-there=false`);
    expect(readdirSync(merged)).toContain('model.safetensors');
    const second = await runWorkflow(folder, 'merge', inputs);
    expect(second.output).toContain(`merged=${merged} finished=true already-there=true`);
  });
});

describe('the examples', () => {
  it.each(['support-judge', 'merge-models'])('have nothing that actionlint finds: %s', (name) => {
    const { status, stdout } = spawnSync('actionlint', ['-no-color'], {
      cwd: exampleRepository(name),
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

/** An example as a repository of its owner's. */
function exampleRepository(name: string): string {
  const folder = temporaryFolder();
  cpSync(path.join(EXAMPLES, name), folder, { recursive: true });
  const workflows = path.join(folder, '.github/workflows');
  for (const file of readdirSync(workflows)) {
    const text = readFileSync(path.join(workflows, file), 'utf8');
    writeFileSync(path.join(workflows, file), text.replaceAll('OWNER/', `${OWNER}/`));
  }
  makeRepository(folder);
  return folder;
}

function runWorkflow(folder: string, name: string, inputs: Record<string, string>): Promise<Finished> {
  const all = Object.entries(inputs).flatMap(([input, value]) => ['--input', `${input}=${value}`]);
  return run('act', ['workflow_dispatch', '-W', `.github/workflows/${name}.yml`, ...all, ...ACT], folder);
}
