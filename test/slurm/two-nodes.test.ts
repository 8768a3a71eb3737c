import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, contents, type Running, startIn, temporaryFolder } from '../system/command.ts';
import { trappedFolder } from '../system/python-traps.ts';
import { smokeRecipe } from '../system/smoke-recipe.ts';
import { type Cluster, startCluster } from './cluster.ts';

const folder = temporaryFolder();
// Two processes on this machine, and one on each of two nodes: the same training.
const recipes = {
  local: smokeRecipe(path.join(folder, 'local'), '{ config: cpu, processes: 2 }'),
  slurm: smokeRecipe(
    path.join(folder, 'slurm'),
    '{ config: cpu, processes: 2, launcher: slurm, slurm: { nodes: 2, options: [--time=10] } }',
  ),
};
const expert = (runs: string) => path.join(folder, runs, 'experts/absolute');
const train = (launcher: 'local' | 'slurm', runs: string) => [
  ...['sft-train', '--recipe', recipes[launcher], '--expert', 'absolute'],
  ...['--artifacts-dir', path.join(folder, runs)],
];
let cluster: Cluster;
let undisturbed: Record<string, string>;

// Steps start in the folder of the command: of what is there, no node may import anything.
const workspace = trappedFolder();

/** Nothing on a node needs any of them, and srun hands over all that it has itself. */
const SECRETS = {
  HF_TOKEN: 'planted',
  GITHUB_TOKEN: 'planted',
  WANDB_API_KEY: 'planted',
  INPUT_TOKEN: 'planted',
};

const startOnNodes = (): Running =>
  startIn(workspace.folder, train('slurm', 'nodes'), { ...SECRETS, ...cluster.env, OMP_NUM_THREADS: '1' });

describe('a training on two nodes', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    const prepare = ['prepare-dataset', '--recipe', recipes.local, '--dataset', 'feedback-collection'];
    expect((await command([...prepare, '--artifacts-dir', path.join(folder, 'local-run')])).code).toBe(0);
    cpSync(path.join(folder, 'local-run'), path.join(folder, 'nodes'), {
      recursive: true,
      preserveTimestamps: true,
    });
    expect((await command(train('local', 'local-run'))).output).toMatch(/sft-train absolute: done/);
    undisturbed = await contents(expert('local-run'));
  });
  afterAll(() => cluster?.stop());

  it('is stopped, with a checkpoint, by a signal of Slurm, and is no failure', async () => {
    const run = startOnNodes();
    await run.prints(/step 1:/);
    const environments = cluster.stepProcesses().map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8'));
    expect(environments.filter((variables) => variables.includes('HF_HUB_OFFLINE=1')).length).toBeGreaterThan(
      3,
    );
    expect(environments.filter((variables) => variables.includes('planted'))).toEqual([]);
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
    expect(output).toMatch(/checkpoint at step [5-7]/);
    expect(cluster.stepProcesses()).toEqual([]);
  });

  it('ends with the weights of two processes on one machine, bit for bit', async () => {
    const { code, output } = await startOnNodes().finished;
    expect(output).toMatch(/going on from the checkpoint of step [5-7]/);
    expect(code).toBe(0);
    expect(await contents(expert('nodes'))).toEqual(undisturbed);
    expect(workspace.sprung()).toBe('');
  });
});
