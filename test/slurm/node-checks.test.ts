import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, type Finished, PYTHON, start, temporaryFolder } from '../system/command.ts';
import { configWithTakenPort, smokeRecipe } from '../system/smoke-recipe.ts';
import { type Cluster, startCluster } from './cluster.ts';

const folder = temporaryFolder();
const artifacts = path.join(folder, 'runs');
let cluster: Cluster;
let recipes = 0;

const TWO_NODES = '{ config: cpu, processes: 2, launcher: slurm, slurm: { nodes: 2 } }';

function training(launch: string): string[] {
  recipes += 1;
  const recipe = smokeRecipe(path.join(folder, `recipe-${recipes}`), launch);
  return ['sft-train', '--recipe', recipe, '--expert', 'absolute', '--artifacts-dir', artifacts];
}

const train = (launch: string): Promise<Finished> => command(training(launch), cluster.env);

describe('before a training on two nodes', () => {
  beforeAll(async () => {
    const recipe = smokeRecipe(path.join(folder, 'recipe'), '{ config: cpu }');
    const prepare = ['prepare-dataset', '--recipe', recipe, '--dataset', 'feedback-collection'];
    expect((await command([...prepare, '--artifacts-dir', artifacts])).code).toBe(0);
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  it('says that no node has a GPU', async () => {
    const { code, output } = await train(TWO_NODES.replace('cpu', 'ddp'));
    expect(output).toMatch(
      /error: not every node can train: n1: there is no nvidia-smi; n2: there is no nvidia-smi/,
    );
    expect(code).toBe(2);
  });

  it('says that a stated port is taken', async () => {
    const { config, port, release } = await configWithTakenPort(folder);
    const launch = TWO_NODES.replace('cpu', config);
    const { code, output } = await train(launch).finally(release);
    expect(output).toMatch(new RegExp(`n1: port taken: ${port}`));
    expect(code).toBe(2);
  });

  it('says that the allocation has too few nodes', async () => {
    const { code, output } = await command(training(TWO_NODES), {
      ...cluster.env,
      SLURM_JOB_ID: '1',
      SLURM_JOB_NODELIST: 'n1',
    });
    expect(output).toMatch(/the allocation 1 has 1 nodes \(n1\), and training takes 2/);
    expect(code).toBe(2);
  });

  it.each([
    ['the artifacts', artifacts, /n2: \/.*job\.json can't be read: No such file or directory/],
    ['Python', path.dirname(path.dirname(PYTHON)), /n2: did not answer.*No such file or directory/],
  ])('names the node that does not see %s', async (_what, hidden, message) => {
    await cluster.isIdle();
    cluster.killNode('n2');
    cluster.restartNode('n2', hidden);
    const { code, output } = await train(TWO_NODES);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/n1: (did|\/)/);
    expect(code).toBe(2);
  });

  it('ends when it is cancelled while it waits for nodes', async () => {
    const job = (
      await cluster.slurm('sbatch', '--parsable', '--nodes=2', '--output=/dev/null', '--wrap=sleep 300')
    ).trim();
    const run = start(training(TWO_NODES), cluster.env);
    await run.prints(/waiting for an allocation of 2 nodes/);
    run.process.kill('SIGINT');
    const { code } = await run.finished;
    expect(code).toBe(130);
    await cluster.slurm('scancel', job);
    expect(await cluster.slurm('squeue', '--noheader', '--states=PENDING')).toBe('');
  });
});
