import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, type Finished, temporaryFolder } from './command.ts';
import { configWithTakenPort, smokeRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const artifacts = path.join(folder, 'runs');
// Neither Slurm nor nvidia-smi is there, whatever this machine has.
const NOTHING_INSTALLED = { PATH: path.join(PROJECT_ROOT, 'node_modules/.bin'), SLURM_JOB_ID: '' };
let recipes = 0;

function train(launch: string): Promise<Finished> {
  recipes += 1;
  const recipe = smokeRecipe(path.join(folder, `recipe-${recipes}`), launch);
  const args = ['sft-train', '--recipe', recipe, '--expert', 'absolute', '--artifacts-dir', artifacts];
  return command(args, NOTHING_INSTALLED);
}

beforeAll(async () => {
  const recipe = smokeRecipe(path.join(folder, 'recipe'), '{ config: cpu }');
  const prepare = ['prepare-dataset', '--recipe', recipe, '--dataset', 'feedback-collection'];
  expect((await command([...prepare, '--artifacts-dir', artifacts])).code).toBe(0);
});

describe('a training that can not be launched', () => {
  it.each([
    ['on GPUs that are not there', '{ config: ddp }', /ddp\.yaml can't train here: there is no nvidia-smi/],
    [
      'by a Slurm that is not there',
      '{ config: cpu, launcher: slurm }',
      /launch\.launcher is slurm, and there is no srun/,
    ],
  ])('%s', async (_what, launch, message) => {
    const { code, output } = await train(launch);
    expect(output).toMatch(message);
    expect(code).toBe(2);
  });

  it('on a stated port that is taken', async () => {
    const { config, port, release } = await configWithTakenPort(folder);
    const { code, output } = await train(`{ config: ${config} }`).finally(release);
    expect(output).toMatch(new RegExp(`can't train here: port taken: ${port}`));
    expect(code).toBe(2);
  });
});
