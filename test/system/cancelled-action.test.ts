import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, expect, it } from 'vitest';
import { runAction } from './action.ts';
import { command, contents, temporaryFolder } from './command.ts';
import { processesOf } from './processes.ts';
import { oneExpertRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'recipe');
const undisturbed = path.join(folder, 'undisturbed');
const runs = path.join(folder, 'runs');
const fewer = path.join(folder, 'fewer');
const expert = (artifacts: string) => path.join(artifacts, 'experts/absolute');

beforeAll(async () => {
  oneExpertRecipe(recipe, {
    per_device_train_batch_size: 2,
    global_batch_size: 4,
    logging_steps: 1,
    max_steps: 8,
  });
  const file = path.join(recipe, 'recipe.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('processes: 1', 'processes: 2'));
  const { code, output } = await command(['replicate', recipe, '--artifacts-dir', undisturbed]);
  expect(code, output).toBe(0);
  for (const name of ['base', 'data'])
    cpSync(path.join(undisturbed, name), path.join(runs, name), {
      recursive: true,
      preserveTimestamps: true,
    });
});

it('leaves no process ten seconds after it was cancelled', async () => {
  const cancelled = startAction(runs, 2);
  await cancelled.prints(/step 3:/);
  expect(processesOf(runs).length).toBeGreaterThan(3);
  // As a GitHub runner does, which signals the process of the action alone.
  cancelled.process.kill('SIGINT');
  await Promise.race([sleep(7_500), cancelled.ended]);
  cancelled.process.kill('SIGTERM');
  await Promise.race([sleep(2_500), cancelled.ended]);
  cancelled.process.kill('SIGKILL');
  expect(processesOf(runs)).toEqual([]);
  expect(await cancelled.ended).toBe(130);
  expect(cancelled.output()).toMatch(/checkpoint at step \d/);
  expect(existsSync(expert(runs))).toBe(false);
  cpSync(runs, fewer, { recursive: true, preserveTimestamps: true });
});

it('goes on with as many processes, to the same expert and the same judge', async () => {
  const again = startAction(runs, 2);
  expect(await again.ended).toBe(0);
  expect(again.output()).toMatch(/going on from the checkpoint of step [345]/);
  expect(await contents(expert(runs))).toEqual(await contents(expert(undisturbed)));
  const merge = await runAction('model-merge', { recipe, 'artifacts-dir': runs });
  expect(merge.code, merge.log).toBe(0);
  const judge = await contents(path.join(runs, 'judge'));
  expect(Object.keys(judge)).toContain('model.safetensors');
  expect(judge).toEqual(await contents(path.join(undisturbed, 'judge')));
});

it('goes on with fewer processes', async () => {
  const again = startAction(fewer, 1);
  expect(await again.ended).toBe(0);
  expect(again.output()).toMatch(/going on from the checkpoint of step [345]/);
  expect(again.output()).toContain('made by 2 processes, and there are 1 now');
  const manifest = JSON.parse(readFileSync(path.join(expert(fewer), 'stage-manifest.json'), 'utf8'));
  expect(manifest.metrics).toMatchObject({ steps: 8, processes: '2, then 1' });
  expect(manifest.settings.processes).toBe(1);
});

/** The action sft-train as a runner starts it: node with the inputs in its environment. */
function startAction(artifacts: string, count: number) {
  const temporary = path.join(folder, 'runner');
  mkdirSync(temporary, { recursive: true });
  const inputs = { RECIPE: recipe, 'ARTIFACTS-DIR': artifacts, EXPERT: 'absolute', PROCESSES: String(count) };
  const child = spawn('node', [path.join(PROJECT_ROOT, 'actions/sft-train/src/main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name}`, value])),
      INPUT_VERIFY: 'false',
      GITHUB_OUTPUT: file(temporary, 'output'),
      GITHUB_STEP_SUMMARY: file(temporary, 'summary'),
    },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    process: child,
    output: () => output,
    ended,
    prints: async (pattern: RegExp) => {
      while (!pattern.test(output)) {
        if (child.exitCode !== null) throw new Error(`ended without printing ${pattern}:\n${output}`);
        await sleep(20);
      }
    },
  };
}

function file(directory: string, name: string): string {
  const location = path.join(directory, name);
  writeFileSync(location, '');
  return location;
}
