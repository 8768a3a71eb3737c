import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ChildProcessError, ConfigurationError, ensurePython, runCommand } from '@prometheus-actions/stage';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { formatTrainReport, type TrainReport } from './train-report.ts';

export const training: Benchmark = {
  summary: 'sft-train in both profiles, beside what the original does: needs a GPU',
  usage: `npm run bench -- train
  --shape S        7b; 8x7b (8 of its 32 layers, LoRA as the original's); smoke, which a CPU trains. 7b unless given.
  --states P       float32, the default, or bfloat16: precision of master weights and optimizer states, on all sides
  --steps N        optimizer steps; 10 unless given. The first 3 do not count for the speed.
  --batch N        examples in a step; 64 unless given
  --dataset DIR    prepared data to train on, for rows of random words as long as the collections' rows are
  --contenders C   of upstream,parity,fast; all unless given. The first is what the others are set beside.
  --dir DIR        folder for model and checkpoints, 35 GB for 7b
  --json           print JSON`,
  run,
};

/** What `train_contenders.py` exits with where the machine can't do what is asked for. */
const USERS_MISTAKE = 2;

async function run(args: string[], { reporter }: BenchmarkContext): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      shape: { type: 'string', default: '7b' },
      states: { type: 'string', default: 'float32' },
      steps: { type: 'string', default: '10' },
      batch: { type: 'string', default: '64' },
      dataset: { type: 'string' },
      contenders: { type: 'string', default: 'upstream,parity,fast' },
      dir: { type: 'string', default: path.join(tmpdir(), 'prometheus-bench') },
      json: { type: 'boolean', default: false },
    },
  });
  const { json, ...options } = values;
  await mkdir(options.dir, { recursive: true });
  const { python } = await ensurePython(['base', 'dev'], reporter);
  reporter.info('each contender is a process of its own; this takes minutes');
  const { exitCode, stdout, stderr } = await runCommand(python, [
    path.join(import.meta.dirname, 'train_contenders.py'),
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
  ]);
  const lastLine = stderr.trim().split('\n').at(-1) ?? '';
  if (exitCode === USERS_MISTAKE) throw new ConfigurationError(lastLine);
  if (exitCode !== 0)
    throw new ChildProcessError(`the benchmark ended with code ${exitCode}:\n${stderr.slice(-4000)}`);
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as TrainReport;
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${formatTrainReport(report)}\n`);
  return 0;
}
