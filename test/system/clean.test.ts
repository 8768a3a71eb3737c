import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, type Running, start, temporaryFolder } from './command.ts';
import { smokeRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'recipe');
const runs = path.join(folder, 'runs');
const experts = path.join(runs, 'experts');

const clean = (...args: string[]) =>
  command(['clean', recipe, '--artifacts-dir', runs, '--older-than', '0m', ...args], {
    HF_HUB_CACHE: path.join(folder, 'hub'),
  });
const train = () => start(['sft-train', '--recipe', recipe, '--expert', 'absolute', '--artifacts-dir', runs]);

function checkpoints(): string[] {
  const [staging = 'none'] = readdirSync(experts).filter((name) => name.endsWith('.staging'));
  const names = readdirSync(path.join(experts, staging, 'work/checkpoints'));
  return names.filter((name) => name.startsWith('checkpoint-')).sort();
}

beforeAll(async () => {
  smokeRecipe(recipe, '{ config: cpu, processes: 1 }');
  const prepare = ['prepare-dataset', '--recipe', recipe, '--artifacts-dir', runs, '--dataset'];
  expect((await command([...prepare, 'feedback-collection'])).code).toBe(0);
});

// A real training: cleaned while it runs, after it was stopped, and once it is finished.
describe('clean', () => {
  let training: Running;

  it('touches nothing of a training that runs', async () => {
    training = train();
    await training.prints(/step 3:/);
    const { code, output } = await clean(
      '--yes',
      '--output',
      'experts/absolute',
      '--output',
      'data/feedback-collection',
    );
    expect(code).toBe(0);
    expect(output).toMatch(/^Nothing to remove in /);
    expect(output).toMatch(/\.absolute\.[0-9a-f]{12}\.staging +in use by process \d+ on /);
    expect(output).toMatch(/data\/feedback-collection +experts\/absolute is being made by process \d+/);
  });

  it('keeps what a stopped training goes on from, and the training does', async () => {
    training.process.kill('SIGINT');
    expect((await training.finished).code).toBe(130);
    const newest = checkpoints().at(-1);
    expect((await clean('--yes')).code).toBe(0);
    expect(checkpoints()).toEqual([newest]);
    const again = await train().finished;
    expect(again.output).toContain(`going on from the checkpoint of step ${newest?.split('-')[1]}`);
    expect(again.code).toBe(0);
  });

  it('tells first, as text and as JSON; removes only with --yes, and only what is named', async () => {
    const told = await clean('--output', 'experts/absolute');
    expect(told.output).toMatch(
      /^Would be removed, [\d.]+ MB; with --yes it is:\n +[\d.]+ MB .* experts\/absolute +named/,
    );
    const json = await clean('--output', 'experts/absolute', '--json');
    const { leftovers, removed } = JSON.parse(json.output);
    expect(removed).toBe(false);
    expect(leftovers[0]).toMatchObject({ path: path.join(experts, 'absolute'), fate: 'remove' });
    const sizes = leftovers.map(({ bytes }: { bytes: number }) => bytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(existsSync(path.join(experts, 'absolute/stage-manifest.json'))).toBe(true);
    expect((await clean('--output', 'experts/absolute', '--yes')).output).toMatch(/^Removed, /);
    expect(readdirSync(experts).filter((name) => !name.includes('.lock'))).toEqual([]);
    const data = path.join(runs, 'data/feedback-collection/stage-manifest.json');
    expect(JSON.parse(readFileSync(data, 'utf8')).stage).toBe('prepare-dataset');
  });

  it.each([
    ['nothing named', ['clean'], /neither a recipe nor a folder of artifacts is named/],
    [
      'no time',
      ['clean', 'smoke-7b', '--older-than', '7'],
      /--older-than 7: expected a number and m, h or d/,
    ],
    [
      'a folder of something else',
      ['clean', '--artifacts-dir', recipe, '--yes'],
      /is no folder of artifacts/,
    ],
  ])('refuses %s', async (_what, args, message) => {
    const { code, output } = await command(args);
    expect(output).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(path.join(recipe, 'recipe.yaml'))).toBe(true);
  });
});
