import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HubServer } from '../../packages/hub/test/hub-server.ts';
import { type ActionResult, runAction } from './action.ts';
import { command, start, temporaryFolder } from './command.ts';
import { filesWithSecrets, SECRETS } from './planted-secrets.ts';
import { smokeRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'recipe');
const runs = path.join(folder, 'runs');
const server = new HubServer();
const printed: string[] = [];

// Everything that a run writes, wherever it writes it, is below one folder.
const env = () => ({
  ...SECRETS,
  WANDB_MODE: 'offline',
  HOME: path.join(folder, 'home'),
  HF_HOME: path.join(folder, 'hf'),
  HF_ENDPOINT: server.endpoint,
  XDG_CACHE_HOME: path.join(folder, 'cache'),
});

beforeAll(async () => {
  smokeRecipe(recipe, '{ config: cpu, processes: 1 }');
  change('absolute.yaml', /report_to: \[\]/, 'report_to: [tensorboard, wandb]');
  change('relative.yaml', /max_steps: \d+/, 'max_steps: 2');
  await server.start();
});
afterAll(() => server.stop());

function change(name: string, from: RegExp, to: string) {
  const file = path.join(recipe, name);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

async function act(name: string, inputs: Record<string, string>): Promise<ActionResult> {
  const result = await runAction(name, { recipe, 'artifacts-dir': runs, ...inputs }, env());
  printed.push(result.log, ...Object.values(result.files));
  return result;
}

function leaks(): string[] {
  expect(readdirSync(folder, { recursive: true }).length).toBeGreaterThan(50);
  return filesWithSecrets(folder);
}

// A real chain with planted secrets: what it leaves and what it prints holds none of them.
it('are in nothing that a killed training leaves', async () => {
  for (const dataset of ['feedback-collection', 'preference-collection'])
    expect((await act('prepare-dataset', { dataset })).code).toBe(0);
  const args = ['sft-train', '--recipe', recipe, '--expert', 'absolute', '--artifacts-dir', runs];
  const training = start(args, env());
  await training.prints(/step 4:/);
  const children = readFileSync(
    `/proc/${training.process.pid}/task/${training.process.pid}/children`,
    'utf8',
  );
  for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
  printed.push((await training.finished).output);
  const staging = readdirSync(path.join(runs, 'experts')).find((name) => name.endsWith('.staging')) ?? '';
  expect(readdirSync(path.join(runs, 'experts', staging, 'work'))).toContain('job.json');
  expect(readdirSync(path.join(runs, 'experts/wandb'))).not.toEqual([]);
  expect(leaks()).toEqual([]);
});

it('are in no output, log, report, cache, manifest or summary of a chain', async () => {
  for (const expert of ['absolute', 'relative']) {
    const { code, log } = await act('sft-train', { expert });
    expect(code, log).toBe(0);
  }
  expect((await act('model-merge', {})).code).toBe(0);
  expect((await act('validate-recipe', {})).code).toBe(0);
  for (const name of ['plan', 'status', 'clean'])
    printed.push((await command([name, recipe, '--artifacts-dir', runs, '--json'], env())).output);
  expect(leaks()).toEqual([]);
});

it('are in no error, where the hub sends them back', async () => {
  const { HF_TOKEN } = SECRETS;
  server.repos['datasets/owner/rows'] = {
    commit: '0'.repeat(40),
    files: {},
    refusal: { status: 403, headers: { 'x-error-message': `no rights for Bearer ${HF_TOKEN}` } },
  };
  change(
    'dataset.yaml',
    /source: \{ files: data\/feedback.json \}/,
    'source: { hub: owner/rows, revision: main }',
  );
  const { code, log } = await act('prepare-dataset', { dataset: 'feedback-collection' });
  expect(code).toBe(1);
  expect(log).toContain('no rights for Bearer ***');
  expect(server.log.some(({ authorization }) => authorization === `Bearer ${HF_TOKEN}`)).toBe(true);
  expect(leaks()).toEqual([]);
});

afterAll(() => {
  for (const secret of Object.values(SECRETS)) expect(printed.join('\n')).not.toContain(secret);
});
