import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  ChildProcessError,
  ConfigurationError,
  ensurePython,
  ensureUv,
  formatSeconds,
  installPackages,
  lockOutput,
  PROJECT_ROOT,
  runCommand,
} from '@prometheus-actions/stage';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { type Measurement, measureProcess } from './measure.ts';
import { configOf, MERGEKIT_BEST, METHODS, type Method, needsBase } from './merge-configs.ts';
import { type AdapterCase, formatMergeReport, type MergeReport } from './merge-report.ts';

export const merging: Benchmark = {
  summary: 'model-merge, beside mergekit, a plain loop and the disk alone; memory; bytes with adapters',
  usage: `npm run bench -- merge
  --parts P        of speed,adapters,memory; all unless given
  --methods M      of ${METHODS.join(',')}; all unless given
  --mergekit M     methods that mergekit merges too; linear unless given, none for none
  --python FILE    a Python that has mergekit 0.1.5; one is installed in build/bench-mergekit unless given
  --shape S        1.5b, 0.5b, 0.1b or smoke; 1.5b unless given
  --rounds R       rounds; 3 unless given
  --dir DIR        folder for the models, which are kept there (9.5 GB), and for the outputs; on the disk to measure
  --json           print JSON`,
  run,
};

const MERGEKIT_VERSION = '0.1.5';
const PARTS = ['speed', 'adapters', 'memory'] as const;

interface Setup {
  python: string;
  /** Folder of the models, one of each shape. */
  dir: string;
  outputs: string;
  context: BenchmarkContext;
}

async function run(args: string[], context: BenchmarkContext): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: 'string', default: PARTS.join(',') },
      methods: { type: 'string', default: METHODS.join(',') },
      mergekit: { type: 'string', default: 'linear' },
      python: { type: 'string' },
      shape: { type: 'string', default: '1.5b' },
      rounds: { type: 'string', default: '3' },
      dir: { type: 'string', default: path.join(tmpdir(), 'prometheus-bench') },
      json: { type: 'boolean', default: false },
    },
  });
  const parts = listed('--parts', values.parts, PARTS);
  const methods = listed('--methods', values.methods, METHODS);
  const theirs = values.mergekit === 'none' ? [] : listed('--mergekit', values.mergekit, METHODS);
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new ConfigurationError(`--rounds ${values.rounds} is not an integer of at least 1`);
  const dir = path.resolve(values.dir);
  const outputs = path.join(dir, 'prometheus-bench-merged');
  // Two at a time would measure each other.
  const lock = await lockOutput(outputs);
  try {
    const { python, versions } = await ensurePython(['base', 'dev'], context.reporter);
    const setup: Setup = { python, dir, outputs, context };
    await clear(outputs);
    const report: MergeReport = {
      benchmark: 'model-merge',
      machine: {
        cpu: cpus()[0]?.model ?? 'unknown',
        cores: cpus().length,
        loadBefore: loadavg()[0] as number,
      },
      shape: values.shape,
      versions: { torch: versions.torch ?? '', mergekit: theirs.length > 0 ? MERGEKIT_VERSION : '' },
      methods,
      mergekitMethods: theirs,
      runs: {},
      adapters: [],
      memory: [],
    };
    if (parts.includes('speed')) {
      const mergekit = theirs.length > 0 ? (values.python ?? (await installMergekit(setup))) : undefined;
      report.runs = await measureSpeed(setup, values.shape, methods, theirs, mergekit, rounds);
    }
    if (parts.includes('adapters'))
      for (const rank of values.shape === 'smoke' ? [8] : [8, 32, 64])
        report.adapters.push(await countBytes(setup, rank));
    if (parts.includes('memory')) {
      const shapes = values.shape === 'smoke' ? ['smoke'] : ['0.1b', '0.5b', '1.5b'];
      for (const shape of shapes) {
        const only = 'ours linear';
        const runs = await measureSpeed(setup, shape, ['linear'], [], undefined, 1, only);
        for (const { peakBytes } of runs[only] ?? []) report.memory.push({ shape, peakBytes });
      }
    }
    process.stdout.write(
      values.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatMergeReport(report)}\n`,
    );
    context.reporter.info(`The models stay in ${dir}.`);
    return 0;
  } finally {
    await rm(outputs, { recursive: true, force: true });
    lock.release();
  }
}

function listed<T extends string>(option: string, value: string, known: readonly T[]): T[] {
  return value.split(',').map((name) => {
    const found = known.find((each) => each === name);
    if (!found) throw new ConfigurationError(`${option}: "${name}" is none of ${known.join(', ')}`);
    return found;
  });
}

/** mergekit and what it needs, by the lock, in an environment of its own. */
async function installMergekit({ python, context }: Setup): Promise<string> {
  const venv = path.join(PROJECT_ROOT, 'build/bench-mergekit');
  const interpreter = path.join(venv, 'bin/python');
  if (existsSync(path.join(venv, 'bin/mergekit-yaml'))) return interpreter;
  context.reporter.info(`installing mergekit ${MERGEKIT_VERSION} in ${venv}, once; about 5 GB with PyTorch`);
  await mustRun(python, ['-I', '-m', 'venv', '--without-pip', venv]);
  const lock = (name: string) => path.join(PROJECT_ROOT, 'packages/trainer', `requirements-${name}.lock`);
  const installation = { files: [lock('mergekit')], build: lock('build'), again: false };
  await installPackages(await ensureUv(path.join(PROJECT_ROOT, '.venv')), interpreter, installation);
  return interpreter;
}

/** Every contender in turn, so that what else the machine does weighs on all of them; every second round backwards. */
async function measureSpeed(
  setup: Setup,
  shape: string,
  methods: readonly Method[],
  theirs: readonly Method[],
  mergekit: string | undefined,
  rounds: number,
  only?: string,
): Promise<Record<string, Measurement[]>> {
  const models = await modelsOf(setup, shape);
  const all = await contendersOf(setup, models, methods, theirs, mergekit);
  const contenders = all.filter(([name]) => only === undefined || name === only);
  const runs: Record<string, Measurement[]> = {};
  for (let round = 1; round <= rounds; round++) {
    for (const [name, command] of round % 2 === 1 ? contenders : contenders.toReversed()) {
      await clear(setup.outputs, false);
      await settle(models);
      const measured = await measureProcess(setup.python, command, setup.context.signal);
      setup.context.reporter.info(
        `${shape}, round ${round} of ${rounds}: ${name}, ${formatSeconds(measured.wallSeconds)}`,
      );
      runs[name] = [...(runs[name] ?? []), measured];
    }
  }
  return runs;
}

async function contendersOf(
  { python, outputs }: Setup,
  models: string,
  methods: readonly Method[],
  theirs: readonly Method[],
  mergekit: string | undefined,
): Promise<[string, string[]][]> {
  const script = (name: string) => path.join(import.meta.dirname, name);
  const target = path.join(outputs, 'merged');
  const [base, a, b] = ['base', 'a', 'b'].map((name) => path.join(models, name)) as [string, string, string];
  const contenders: [string, string[]][] = [];
  const floors = new Set(methods.map((method) => (needsBase(method) ? 3 : 2)));
  for (const count of floors)
    for (const threads of [1, cpus().length])
      contenders.push([
        `floor of ${count}, threads: ${threads}`,
        [python, script('merge_floor.py'), String(threads), target, a, b, ...(count === 3 ? [base] : [])],
      ]);
  for (const method of methods) {
    const job = path.join(outputs, `${method}.json`);
    const config = configOf(method, models);
    await writeFile(
      job,
      JSON.stringify({ config, models: {}, donor: null, output_dir: target, events: `${job}l` }),
    );
    contenders.push([
      `ours ${method}`,
      ['env', `PYTHONPATH=${TRAINER}`, python, '-m', 'prometheus_trainer.model_merge', '--job', job],
    ]);
  }
  if (methods.includes('linear'))
    contenders.push(['naive loop linear', [python, script('merge_naive.py'), target, a, b]]);
  for (const method of mergekit ? theirs : []) {
    const file = path.join(outputs, `${method}.yml`);
    // JSON is YAML too.
    await writeFile(file, JSON.stringify(configOf(method, models)));
    const command = [path.join(path.dirname(mergekit as string), 'mergekit-yaml'), file, target];
    contenders.push([`mergekit ${method}`, command]);
    contenders.push([
      `mergekit ${method}, fastest flags`,
      [...command, ...MERGEKIT_BEST, String(cpus().length)],
    ]);
  }
  return contenders;
}

const TRAINER = path.join(PROJECT_ROOT, 'packages/trainer/src');

async function modelsOf({ python, dir, context }: Setup, shape: string): Promise<string> {
  const folder = path.join(dir, `prometheus-bench-models-${shape}`);
  if (existsSync(folder)) return folder;
  context.reporter.info(`writing three models of the shape ${shape}, once: ${folder}`);
  await rm(`${folder}.part`, { recursive: true, force: true });
  const script = path.join(import.meta.dirname, 'merge_shapes.py');
  await mustRun(python, [script, 'models', shape, `${folder}.part`]);
  await mustRun('mv', [`${folder}.part`, folder]);
  return folder;
}

/** What adapters of this rank cost in bytes: merged in one pass, and first each into its base. */
async function countBytes({ python, outputs }: Setup, rank: number): Promise<AdapterCase> {
  await clear(outputs);
  const models = path.join(outputs, 'adapters');
  await mustRun(python, [
    path.join(import.meta.dirname, 'merge_shapes.py'),
    'adapters',
    String(rank),
    models,
  ]);
  const base = path.join(models, 'base');
  const linear = (...names: [string, string]) => ({
    merge_method: 'linear',
    models: names.map((model) => ({ model, parameters: { weight: 0.5 } })),
    dtype: 'bfloat16',
  });
  const count = async (stage: string, name: string, job: object) => {
    const file = path.join(outputs, `${name}.json`);
    const output_dir = path.join(outputs, name);
    await writeFile(file, JSON.stringify({ ...job, output_dir }));
    const report = path.join(outputs, `${name}-bytes.json`);
    await mustRun(python, [path.join(import.meta.dirname, 'merge_bytes.py'), stage, file, report]);
    return JSON.parse(await readFile(report, 'utf8')) as AdapterCase['onePass'];
  };
  const onePass = await count('model_merge', 'one-pass', {
    config: linear(`${base}+${models}/a`, `${base}+${models}/b`),
    models: {},
    donor: null,
  });
  const steps: AdapterCase['onePass'][] = [];
  for (const name of ['a', 'b'])
    steps.push(
      await count('lora_merge', `merged-${name}`, {
        base: { path: base },
        adapter: path.join(models, name),
        dtype: null,
      }),
    );
  steps.push(
    await count('model_merge', 'two-steps', {
      config: linear(path.join(outputs, 'merged-a'), path.join(outputs, 'merged-b')),
      models: {},
      donor: null,
    }),
  );
  const sum = (key: keyof AdapterCase['onePass']) => steps.reduce((total, step) => total + step[key], 0);
  return {
    rank,
    onePass,
    twoSteps: {
      read: sum('read'),
      written: sum('written'),
      systemRead: sum('systemRead'),
      systemWritten: sum('systemWritten'),
    },
  };
}

async function clear(folder: string, everything = true): Promise<void> {
  await rm(everything ? folder : path.join(folder, 'merged'), { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

/** Everybody starts alike: what was written before is on the disk, and the models are in the page cache. */
async function settle(models: string): Promise<void> {
  await mustRun('sync', []);
  await mustRun('sh', ['-c', 'cat "$0"/*/*.safetensors > /dev/null', models]);
}

async function mustRun(command: string, args: string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await runCommand(command, args);
  if (exitCode !== 0) throw new ChildProcessError(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}
