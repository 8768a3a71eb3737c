import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, contents, type Running, start, temporaryFolder } from '../system/command.ts';
import { type Cluster, clusterProblem, startCluster } from './cluster.ts';

const problem = await clusterProblem();
const folder = temporaryFolder();
const STEPS = 8;
const recipes = { local: path.join(folder, 'local'), slurm: path.join(folder, 'slurm') };
const expert = (runs: string) => path.join(folder, runs, 'experts/absolute');
const train = (launcher: 'local' | 'slurm', runs: string) => [
  ...['sft-train', '--recipe', recipes[launcher], '--expert', 'absolute'],
  ...['--artifacts-dir', path.join(folder, runs)],
];
let cluster: Cluster;
let undisturbed: Record<string, string>;

/** Two processes on this machine, and one on each of two nodes: the same training. */
function writeRecipes(): void {
  const original = path.join(PROJECT_ROOT, 'recipes/smoke-7b');
  const launches = {
    local: '{ config: cpu, processes: 2 }',
    slurm: '{ config: cpu, processes: 2, launcher: slurm, slurm: { nodes: 2, options: [--time=10] } }',
  };
  for (const launcher of ['local', 'slurm'] as const) {
    cpSync(original, recipes[launcher], { recursive: true });
    change(path.join(recipes[launcher], 'recipe.yaml'), /^launch: .*$/m, `launch: ${launches[launcher]}`);
    const training = path.join(recipes[launcher], 'absolute.yaml');
    change(training, /per_device_train_batch_size: \d+/, 'per_device_train_batch_size: 1');
    change(training, /global_batch_size: \d+/, 'global_batch_size: 2');
    change(training, /max_steps: \d+/, `max_steps: ${STEPS}`);
    change(training, /logging_steps: \d+/, 'logging_steps: 1');
    change(training, /save_steps: \d+/, 'save_steps: 2');
  }
}

function change(file: string, from: RegExp, to: string): void {
  const before = readFileSync(file, 'utf8');
  expect(before).toMatch(from);
  writeFileSync(file, before.replace(from, to));
}

const startOnNodes = (): Running => start(train('slurm', 'nodes'), { ...cluster.env, OMP_NUM_THREADS: '1' });

describe.skipIf(problem)('a training on two nodes', () => {
  beforeAll(async () => {
    writeRecipes();
    const prepare = ['prepare-dataset', '--recipe', recipes.local, '--dataset', 'feedback-collection'];
    expect((await command([...prepare, '--artifacts-dir', path.join(folder, 'local-run')])).code).toBe(0);
    cpSync(path.join(folder, 'local-run'), path.join(folder, 'nodes'), {
      recursive: true,
      preserveTimestamps: true,
    });
    const [whole] = await Promise.all([
      command(train('local', 'local-run')),
      startCluster().then((started) => {
        cluster = started;
      }),
    ]);
    expect(whole.output).toMatch(/sft-train absolute: done/);
    undisturbed = await contents(expert('local-run'));
  });
  afterAll(() => cluster?.stop());

  it('is stopped, with a checkpoint, by a signal of Slurm, and is no failure', async () => {
    const run = startOnNodes();
    await run.prints(/step 1:/);
    await cluster.slurm('scancel', '--signal=TERM', '--user=root');
    const { code, output } = await run.finished;
    expect(output).toMatch(/checkpoint at step \d/);
    expect(output).toMatch(/sft-train absolute: stopped/);
    expect(code).toBe(0);
  });

  it('goes on; and ends with an error that names the node when one dies', async () => {
    const run = startOnNodes();
    await run.prints(/going on from the checkpoint of step \d/);
    await run.prints(/checkpoint at step 4/);
    cluster.killNode('n2');
    const { code, output } = await run.finished;
    expect(output).toMatch(/the step on n1, n2 failed: .*n2/);
    expect(code).toBe(1);
    cluster.restartNode('n2');
  });

  it('saves and leaves no process on any node when the command is cancelled', async () => {
    const run = startOnNodes();
    await run.prints(/going on from the checkpoint of step 4/);
    await run.prints(/step 5:/);
    run.process.kill('SIGINT');
    const { code, output } = await run.finished;
    expect(code).toBe(130);
    expect(output).toMatch(/checkpoint at step [56]/);
    expect(cluster.stepProcesses()).toEqual([]);
  });

  it('ends with the weights of two processes on one machine, bit for bit', async () => {
    const { code, output } = await startOnNodes().finished;
    expect(output).toMatch(/going on from the checkpoint of step [56]/);
    expect(code).toBe(0);
    expect(await contents(expert('nodes'))).toEqual(undisturbed);
  });
});
