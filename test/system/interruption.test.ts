import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, contents, start, temporaryFolder } from './command.ts';
import { processesOf } from './processes.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'smoke-7b');
let undisturbed: Record<string, string>;

const train = (runs: string) => [
  'sft-train',
  '--recipe',
  recipe,
  '--expert',
  'absolute',
  '--artifacts-dir',
  path.join(folder, runs),
];
const expert = (runs: string) => path.join(folder, runs, 'experts/absolute');

beforeAll(async () => {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
  const file = path.join(recipe, 'absolute.yaml');
  const text = readFileSync(file, 'utf8')
    .replace('save_steps: 5', 'save_steps: 3')
    .replace('logging_steps: 2', 'logging_steps: 1');
  writeFileSync(file, text.replace('max_steps: 20', 'max_steps: 10'));
  const prepare = [
    'prepare-dataset',
    '--recipe',
    recipe,
    '--dataset',
    'feedback-collection',
    '--artifacts-dir',
  ];
  expect((await command([...prepare, path.join(folder, 'undisturbed')])).code).toBe(0);
  for (const runs of ['killed', 'stopped', 'orphaned']) {
    cpSync(path.join(folder, 'undisturbed'), path.join(folder, runs), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  const { code, output } = await command(train('undisturbed'));
  expect(output).toMatch(/sft-train absolute: done, 10 steps/);
  expect(code).toBe(0);
  undisturbed = await contents(expert('undisturbed'));
});

/** Processes that train into a folder, by the job file on their command line. */
const trainers = (runs: string) => processesOf(path.join(folder, runs, 'experts/')).map(({ pid }) => pid);

describe('a training that is disturbed', () => {
  it('goes on after kill -9 of the trainer, and ends with the same weights bit for bit', async () => {
    const run = start(train('killed'));
    await run.prints(/step 5:/);
    for (const pid of trainers('killed')) process.kill(pid, 'SIGKILL');
    const { code, output } = await run.finished;
    expect(code).toBe(1);
    expect(output).toContain('failed');
    expect(existsSync(expert('killed'))).toBe(false);
    const again = await command(train('killed'));
    expect(again.output).toMatch(/going on from the checkpoint of step 3/);
    expect(again.code).toBe(0);
    expect(await contents(expert('killed'))).toEqual(undisturbed);
  });

  it('saves a checkpoint at SIGINT, leaves no process, and goes on later', async () => {
    const run = start(train('stopped'));
    await run.prints(/step 4:/);
    const started = Date.now();
    run.process.kill('SIGINT');
    const { code, output } = await run.finished;
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(trainers('stopped')).toEqual([]);
    expect(code).toBe(130);
    expect(output).toMatch(/checkpoint at step [45]/);
    const again = await command(train('stopped'));
    expect(again.output).toMatch(/going on from the checkpoint of step [45]/);
    expect(again.code).toBe(0);
    expect(await contents(expert('stopped'))).toEqual(undisturbed);
  });

  it('ends itself, with a checkpoint, when the command is killed', async () => {
    const run = start(train('orphaned'));
    await run.prints(/step 2:/);
    // The launcher's child is the command itself.
    const children = readFileSync(`/proc/${run.process.pid}/task/${run.process.pid}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
    await run.finished;
    for (let tries = 0; tries < 200 && trainers('orphaned').length > 0; tries += 1) await sleep(100);
    expect(trainers('orphaned')).toEqual([]);
    const again = await command(train('orphaned'));
    // The first checkpoint of all is of step 1.
    expect(again.output).toMatch(/going on from the checkpoint of step [2-9]/);
    expect(await contents(expert('orphaned'))).toEqual(undisturbed);
  });
});
