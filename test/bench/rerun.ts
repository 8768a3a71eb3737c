import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadRecipe, makePlan } from '@prometheus-actions/recipe';
import { ChildProcessError, ConfigurationError, ensurePython, PROJECT_ROOT } from '@prometheus-actions/stage';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { measureProcess, type Spread, spreadOf } from './measure.ts';
import { formatTable } from './table.ts';

export const rerunning: Benchmark = {
  summary: 'the actions of a workflow that has finished already, beside Node alone',
  usage: `npm run bench -- rerun
  --recipe NAME        a smoke recipe, smoke-8x7b unless given
  --artifacts-dir DIR  folder of its outputs; what is missing is made. One of its own unless given.
  --rounds R           rounds, after one that does not count; 5 unless given
  --json               print JSON`,
  run,
};

export interface RerunReport {
  recipe: string;
  rounds: number;
  loadBefore: number;
  /** Seconds of each action's process, in the order of the workflow. */
  actions: { title: string; seconds: Spread }[];
  /** Seconds of a round. */
  all: Spread;
  /** Seconds of as many starts of Node that run nothing, in a round. */
  node: Spread;
  /** `all` without `node`, within a round. */
  ours: Spread;
}

async function run(args: string[], { reporter, signal }: BenchmarkContext): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      recipe: { type: 'string' },
      'artifacts-dir': { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const name = values.recipe ?? 'smoke-8x7b';
  const rounds = Number(values.rounds ?? 5);
  if (!/^smoke-\w+$/.test(name) || !Number.isInteger(rounds) || rounds < 1)
    throw new ConfigurationError('--recipe is a smoke recipe, --rounds a whole number from 1');
  const { python } = await ensurePython(['base', 'gpu'], reporter);
  const folder = mkdtempSync(path.join(tmpdir(), 'prometheus-bench-rerun-'));
  try {
    const artifacts = path.resolve(values['artifacts-dir'] ?? path.join(folder, 'artifacts'));
    reporter.info(`making the outputs of ${name}, where they are not there`);
    await replicate(name, artifacts, signal);
    const loadBefore = loadavg()[0] as number;
    const steps = workflowSteps(name, artifacts);
    const measured: Round[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      if (round > 0) reporter.info(`round ${round} of ${rounds}`);
      const seconds: number[] = [];
      let node = 0;
      for (const step of steps) {
        seconds.push(await startAction(step, { python, folder, signal }));
        node += (await measureProcess(python, [process.execPath, '-e', '0'], signal)).wallSeconds;
      }
      if (round > 0) measured.push({ steps: seconds, node });
    }
    const report = reportOf(name, steps, measured, loadBefore);
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatRerun(report)}\n`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Seconds of one round. */
interface Round {
  /** Of each action. */
  steps: number[];
  /** Of as many starts of Node alone, together. */
  node: number;
}

function reportOf(
  recipe: string,
  steps: readonly Step[],
  measured: readonly Round[],
  loadBefore: number,
): RerunReport {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    recipe,
    rounds: measured.length,
    loadBefore,
    actions: steps.map(({ title }, index) => ({
      title,
      seconds: spreadOf(measured.map((round) => round.steps[index] as number)),
    })),
    all: spreadOf(measured.map((round) => sum(round.steps))),
    node: spreadOf(measured.map((round) => round.node)),
    ours: spreadOf(measured.map((round) => sum(round.steps) - round.node)),
  };
}

function formatRerun({ recipe, rounds, loadBefore, actions, all, node, ours }: RerunReport): string {
  const row = (title: string, { min, median, max }: Spread) => [
    title,
    ...[min, median, max].map((seconds) => seconds.toFixed(2)),
  ];
  return [
    `The actions of ${recipe}, all outputs being there, rounds: ${rounds}, load before ${loadBefore.toFixed(1)}`,
    '',
    formatTable([
      ['', 'min s', 'median s', 'max s'],
      ...actions.map(({ title, seconds }) => row(title, seconds)),
      row('all', all),
      row('as many starts of Node alone', node),
      row('the difference', ours),
    ]),
  ].join('\n');
}

interface Step {
  title: string;
  action: string;
  inputs: Record<string, string>;
}

/** The actions that `replicate.yml` runs for a recipe, in its order. */
function workflowSteps(name: string, artifacts: string): Step[] {
  const { recipe } = loadRecipe(path.join(PROJECT_ROOT, 'recipes', name), {});
  const inputs = { recipe: name, 'artifacts-dir': artifacts };
  const stages = makePlan(recipe, artifacts).stages.flatMap(({ id, stage }): Step[] => {
    const [, of = ''] = id.split('/');
    if (stage === 'base-model') return [];
    const input = stage === 'prepare-dataset' ? { dataset: of } : of ? { expert: of } : {};
    return [{ title: id, action: stage, inputs: { ...inputs, ...input } }];
  });
  return [
    { title: 'validate-recipe', action: 'validate-recipe', inputs: { recipe: name } },
    ...stages,
    { title: 'report', action: 'report', inputs },
  ];
}

/**
 * Seconds of an action's process, started as a runner does.
 *
 * @throws ChildProcessError when it fails, or has made an output anew
 */
async function startAction(
  { action, inputs }: Step,
  { python, folder, signal }: { python: string; folder: string; signal: AbortSignal },
): Promise<number> {
  const files = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY'].map((name) => {
    const file = path.join(folder, name);
    writeFileSync(file, '');
    return `${name}=${file}`;
  });
  const variables = [
    ...Object.entries(inputs).map(([name, value]) => `INPUT_${name.toUpperCase()}=${value}`),
    ...files,
    ...[`GITHUB_WORKSPACE=${folder}`, `RUNNER_TEMP=${folder}`, `PROMETHEUS_PYTHON=${python}`],
  ];
  const bundle = path.join(PROJECT_ROOT, 'actions', action, 'dist/index.js');
  const command = ['env', ...variables, process.execPath, bundle];
  const { wallSeconds } = await measureProcess(python, command, signal);
  // Set to false at the start, and to what was found at the end.
  const told = [
    ...readFileSync(path.join(folder, 'GITHUB_OUTPUT'), 'utf8').matchAll(/^cache-hit<<.*\n(.*)$/gm),
  ];
  if (told.length > 0 && told.at(-1)?.[1] !== 'true')
    throw new ChildProcessError(`${action} did not find its output up to date`);
  return wallSeconds;
}

async function replicate(recipe: string, artifacts: string, signal: AbortSignal): Promise<void> {
  const command = path.join(PROJECT_ROOT, 'packages/cli/bin/prometheus-actions.mjs');
  const args = [command, 'replicate', recipe, '--artifacts-dir', artifacts, '--quiet'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], signal });
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (code !== 0) throw new ChildProcessError(`replicate ${recipe} ended with code ${code}`);
}
