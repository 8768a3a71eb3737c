import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rm, stat, statfs } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DatasetSettings } from '@prometheus-actions/dataset';
import {
  ChildProcessError,
  ConfigurationError,
  ensurePython,
  formatBytes,
  formatSeconds,
  listFiles,
  lockOutput,
  PROJECT_ROOT,
  runCommand,
} from '@prometheus-actions/stage';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { feedbackFile, ROW_BYTES, writeFeedbackFile } from './feedback-file.ts';
import { type Measurement, measureProcess } from './measure.ts';
import {
  type Contender,
  type Digests,
  formatReport,
  type PrepareRuns,
  reportOf,
  TITLES,
} from './prepare-report.ts';

export const preparing: Benchmark = {
  summary: 'prepare-dataset, beside Python that makes the same data, and beside the disk alone',
  usage: `npm run bench -- prepare
  --rows N      rows of the source, 7 kB each; 300,000 unless given. A tenth of it is measured too.
  --rounds R    rounds, after one that does not count; 3 unless given
  --dir DIR     folder for the source, which is kept there, and for the outputs; on the disk to measure
  --keep        keep the outputs of the last round
  --json        print JSON`,
  run,
};

/** Of the peak on the disk: the source and its tenth, and what three ways make of it, half as much again. */
const DISK_PER_SOURCE = 7;
const LEAST_ROWS = 100;

async function run(args: string[], context: BenchmarkContext): Promise<number> {
  const { rows, rounds, dir, keep, json } = readOptions(args);
  const outputs = path.join(dir, 'prometheus-bench-outputs');
  // Two at a time would measure each other.
  const lock = await lockOutput(outputs);
  try {
    await rm(outputs, { recursive: true, force: true });
    await mkdir(outputs, { recursive: true });
    await checkDisk(dir, rows);
    const { python } = await ensurePython(['base', 'dev'], context.reporter);
    const versions = await referenceVersions(python);
    const loadBefore = loadavg()[0] as number;
    const setup = {
      python,
      outputs,
      ours: await bundleOurs(outputs),
      large: feedbackFile(dir, rows),
      small: feedbackFile(dir, tenth(rows)),
    };
    await writeSources(setup, rows, context);
    const runs = await measureRounds(setup, rounds, context);
    context.reporter.info('comparing the data');
    const digests: Digests = {
      ours: await digestOf(python, path.join(outputs, 'ours')),
      reference: await digestOf(python, path.join(outputs, 'reference')),
    };
    const report = reportOf(runs, digests, { node: process.versions.node, ...versions }, loadBefore);
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${formatReport(report)}\n`);
    context.reporter.info(`The source stays in ${dir}${keep ? ', and the outputs too' : ''}.`);
    return report.data.equal ? 0 : 1;
  } finally {
    if (!keep) await rm(outputs, { recursive: true, force: true });
    lock.release();
  }
}

interface Setup {
  python: string;
  /** Folder in which each contender has its output. */
  outputs: string;
  /** The program that prepares data as we do. */
  ours: string;
  large: string;
  small: string;
}

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '300000' },
      rounds: { type: 'string', default: '3' },
      dir: { type: 'string', default: path.join(tmpdir(), 'prometheus-bench') },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    ...values,
    rows: count('--rows', values.rows, LEAST_ROWS),
    rounds: count('--rounds', values.rounds, 1),
    dir: path.resolve(values.dir),
  };
}

function count(option: string, value: string, least: number): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new ConfigurationError(`${option} ${value} is not an integer of at least ${least}`);
  }
  return number;
}

function tenth(rows: number): number {
  return Math.floor(rows / 10);
}

async function checkDisk(dir: string, rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const needed = rows * ROW_BYTES * DISK_PER_SOURCE;
  if (bavail * bsize < needed) {
    throw new ConfigurationError(
      `the benchmark needs ${formatBytes(needed)} in ${dir}, and ${formatBytes(bavail * bsize)} are free`,
      { hint: 'Give a folder on a larger disk with --dir, or fewer --rows.' },
    );
  }
}

async function referenceVersions(python: string): Promise<Record<string, string>> {
  const script = path.join(import.meta.dirname, 'prepare_reference.py');
  const { exitCode, stdout, stderr } = await runCommand(python, [script, '--versions']);
  if (exitCode !== 0) {
    throw new ConfigurationError(`${python} lacks what the reference needs:\n${stderr.trim()}`, {
      hint: 'Install what is missing there, or unset PROMETHEUS_PYTHON to have the locked packages installed.',
    });
  }
  return JSON.parse(stdout) as Record<string, string>;
}

/** Bundled as the actions are: what they run, not what strips its types first. */
async function bundleOurs(outputs: string): Promise<string> {
  const target = path.join(outputs, 'bundle');
  await bundle(path.join(import.meta.dirname, 'prepare-ours.ts'), target);
  const thread = path.join(PROJECT_ROOT, 'packages/dataset/src/lane-thread.ts');
  await bundle(thread, path.join(target, 'lane-thread'));
  return path.join(target, 'index.js');
}

async function bundle(source: string, folder: string): Promise<void> {
  const { exitCode, stdout, stderr } = await runCommand('ncc', ['build', source, '-o', folder]);
  if (exitCode !== 0) throw new ChildProcessError(`ncc build ${source} failed:\n${stdout}${stderr}`);
}

async function writeSources({ large, small }: Setup, rows: number, context: BenchmarkContext): Promise<void> {
  for (const [file, count] of [
    [large, rows],
    [small, tenth(rows)],
  ] as const) {
    if (!existsSync(file))
      context.reporter.info(`writing ${count.toLocaleString('en-US')} rows, once: ${file}`);
    await writeFeedbackFile(file, count);
  }
}

/** Every contender in turn, so that what else the machine does weighs on all of them; every second round backwards. */
async function measureRounds(setup: Setup, rounds: number, context: BenchmarkContext): Promise<PrepareRuns> {
  const time = async (round: string, contender: Contender, outputBytes: number) => {
    const { source, command } = contenderOf(contender, setup, outputBytes);
    const output = path.join(setup.outputs, contender);
    await rm(output, { recursive: true, force: true });
    await settle(source, context.signal);
    const measured = await measureProcess(setup.python, [...command, output], context.signal);
    context.reporter.info(`${round}: ${TITLES[contender]}, ${formatSeconds(measured.wallSeconds)}`);
    return measured;
  };
  await time('warm-up', 'ours', 0);
  const outputBytes = await bytesOf(path.join(setup.outputs, 'ours'));
  await time('warm-up', 'oursOnTenth', 0);
  await time('warm-up', 'diskFloor', outputBytes);
  const order: Contender[] = ['diskFloor', 'ours', 'reference', 'oursOnTenth'];
  const runs: Record<Contender, Measurement[]> = { diskFloor: [], ours: [], reference: [], oursOnTenth: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const contender of round % 2 === 1 ? order : order.toReversed())
      runs[contender].push(await time(`round ${round} of ${rounds}`, contender, outputBytes));
  }
  const bytes = { source: (await stat(setup.large)).size, tenth: (await stat(setup.small)).size };
  return { runs, bytes: { ...bytes, output: outputBytes } };
}

/** The command of a contender, without the output that it takes last, and the file that it reads. */
function contenderOf(
  contender: Contender,
  setup: Setup,
  outputBytes: number,
): { source: string; command: string[] } {
  const script = (name: string) => path.join(import.meta.dirname, name);
  const settings = (file: string) => JSON.stringify(settingsFor(file));
  const { large, small, ours, python } = setup;
  switch (contender) {
    case 'diskFloor':
      return {
        source: large,
        command: [process.execPath, script('disk-floor.ts'), large, String(outputBytes)],
      };
    case 'ours':
      return { source: large, command: [process.execPath, ours, settings(large)] };
    case 'oursOnTenth':
      return { source: small, command: [process.execPath, ours, settings(small)] };
    case 'reference':
      return { source: large, command: [python, script('prepare_reference.py'), settings(large)] };
  }
}

function settingsFor(file: string): DatasetSettings {
  return {
    source: { files: [file] },
    system_prompt:
      'You judge answers. Give feedback that keeps to the score rubric, then the score that the rubric calls for.',
    columns: { user: 'instruction', assistant: 'output' },
    split: { test_size: 0.01, seed: 42 },
  };
}

/** Everybody starts alike: what was written before is on the disk, and the source is in the page cache. */
async function settle(source: string, signal: AbortSignal): Promise<void> {
  await runCommand('sync', []);
  for await (const _block of createReadStream(source, { highWaterMark: 1 << 20, signal }));
}

async function bytesOf(folder: string): Promise<number> {
  const sizes = (await listFiles(folder)).map(async (file) => (await stat(path.join(folder, file))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function digestOf(python: string, folder: string): Promise<Digests['ours']> {
  const script = path.join(import.meta.dirname, 'digest_prepared.py');
  const { exitCode, stdout, stderr } = await runCommand(python, [script, folder]);
  if (exitCode !== 0) throw new ChildProcessError(`${script} ${folder} failed:\n${stderr}`);
  return JSON.parse(stdout) as Digests['ours'];
}
