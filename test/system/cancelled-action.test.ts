import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, expect, it } from 'vitest';
import { command, temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'smoke-7b');
const runs = path.join(folder, 'runs');
const expert = path.join(runs, 'experts/absolute');

beforeAll(async () => {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
  const file = path.join(recipe, 'absolute.yaml');
  const text = readFileSync(file, 'utf8')
    .replace('logging_steps: 2', 'logging_steps: 1')
    .replace('max_steps: 20', 'max_steps: 8');
  writeFileSync(file, text.replace('per_device_train_batch_size: 4', 'per_device_train_batch_size: 2'));
  const inputs = ['--recipe', recipe, '--artifacts-dir', runs, '--dataset', 'feedback-collection'];
  expect((await command(['prepare-dataset', ...inputs])).code).toBe(0);
});

it('leaves no process ten seconds after it was cancelled, and goes on with fewer processes', async () => {
  const cancelled = startAction(2);
  await cancelled.prints(/step 3:/);
  expect(processes()).not.toEqual([]);
  // As a GitHub runner does, which signals the process of the action alone.
  cancelled.process.kill('SIGINT');
  await Promise.race([sleep(7_500), cancelled.ended]);
  cancelled.process.kill('SIGTERM');
  await Promise.race([sleep(2_500), cancelled.ended]);
  cancelled.process.kill('SIGKILL');
  expect(processes()).toEqual([]);
  expect(await cancelled.ended).toBe(130);
  expect(cancelled.output()).toMatch(/checkpoint at step \d/);
  expect(existsSync(expert)).toBe(false);

  const again = startAction(1);
  expect(await again.ended).toBe(0);
  expect(again.output()).toMatch(/going on from the checkpoint of step [345]/);
  expect(again.output()).toContain('made by 2 processes, and there are 1 now');
  const manifest = JSON.parse(readFileSync(path.join(expert, 'stage-manifest.json'), 'utf8'));
  expect(manifest.metrics).toMatchObject({ steps: 8, processes: '2, then 1' });
  expect(manifest.settings.processes).toBe(1);
});

/** The action sft-train as a runner starts it: node with the inputs in its environment. */
function startAction(count: number) {
  const temporary = path.join(folder, 'runner');
  mkdirSync(temporary, { recursive: true });
  const inputs = { RECIPE: recipe, 'ARTIFACTS-DIR': runs, EXPERT: 'absolute', PROCESSES: String(count) };
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

/** All that runs for the artifacts of this test: launcher and trainers, by their command lines. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const zombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return !zombie && line.includes(runs) ? [`${pid} ${line}`] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}
