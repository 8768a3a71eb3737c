import {
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Plan } from '@prometheus-actions/recipe';
import { PlainReporter, runStage, type Stage } from '@prometheus-actions/stage';
import { type Cleaning, cleanArtifacts } from '../src/index.ts';

/** The folder of artifacts of a test, and the hub's cache. */
export let root: string;
export let hubCache: string;

/** Empty ones, for the next test. */
export function startWithEmptyFolders() {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'cleaning-')));
  hubCache = mkdtempSync(path.join(tmpdir(), 'hub-'));
  process.env.HF_HUB_CACHE = hubCache;
}

export const at = (...names: string[]) => path.join(root, ...names);
const quiet = { reporter: new PlainReporter(() => {}), signal: new AbortController().signal };

function stage(name: string, settings: number, run: Stage['run'], resumable = true): Stage {
  return {
    name: 'test',
    title: name,
    outputDir: at(name),
    settings,
    inputs: {},
    revision: 1,
    versions: {},
    resumable,
    run,
  };
}

/** A finished output, made by a stage. */
export async function finish(...names: string[]) {
  for (const name of names)
    await runStage(
      stage(name, 1, async ({ stagingDir, logFile }) => {
        writeFileSync(path.join(stagingDir, 'model.safetensors'), 'x'.repeat(1000));
        writeFileSync(logFile, 'log');
        return { metrics: {} };
      }),
      quiet,
    );
}

/** A training that was stopped after checkpoints of these steps; its staging folder. */
export async function interrupt(name: string, settings: number, steps: readonly number[]): Promise<string> {
  let folder = '';
  await runStage(
    stage(name, settings, async ({ workDir, logFile }) => {
      folder = path.dirname(workDir);
      writeFileSync(logFile, 'log');
      for (const step of steps) checkpoint(folder, step);
      return 'stopped';
    }),
    quiet,
  );
  return folder;
}

export function checkpoint(
  staging: string,
  step: number,
  { torn = false, best = null as string | null } = {},
): string {
  const folder = path.join(staging, 'work/checkpoints', `checkpoint-${step}`);
  mkdirSync(folder, { recursive: true });
  const state = JSON.stringify({ best_model_checkpoint: best });
  writeFileSync(path.join(folder, 'trainer_state.json'), state);
  writeFileSync(path.join(folder, 'model.safetensors'), 'x'.repeat(100));
  const files = { 'trainer_state.json': state.length, 'model.safetensors': torn ? 101 : 100 };
  const marker = { step, processes: 1, seconds: 1, earlier_processes: [], files };
  writeFileSync(path.join(folder, 'complete.json'), JSON.stringify(marker));
  return folder;
}

/** Makes all that is there so many days older. */
export function age(target: string, days: number) {
  const time = Date.now() / 1000 - days * 86_400;
  for (const name of readdirSync(target, { recursive: true, encoding: 'utf8' }))
    lutimesSync(path.join(target, name), time, time);
  utimesSync(target, time, time);
}

/** Every path below the folder, but locks. */
export function tree(folder = root): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/\.lock(\.holder)?$/.test(name))
    .sort();
}

export function plan(...names: string[]): Plan {
  const stages = ['judge', ...names].map((name) => ({
    id: name,
    stage: 'sft-train' as const,
    name,
    outputDir: at(name),
    needs: [],
  }));
  return { recipe: 'r', artifactsDir: root, datasets: [], experts: [], adapters: [], stages };
}

export async function clean(options: Partial<Cleaning> = {}) {
  const cleaning = { artifactsDir: root, outputs: [], olderThan: 0, remove: true, ...options };
  return cleanArtifacts(cleaning);
}

export const removed = (found: Awaited<ReturnType<typeof clean>>) =>
  found.filter(({ fate }) => fate === 'remove').map((one) => path.relative(root, one.path));
