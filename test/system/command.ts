import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureUv, listFiles, PROJECT_ROOT } from '@prometheus-actions/stage';
import type { TestContext } from 'vitest';

const COMMAND = path.join(PROJECT_ROOT, 'packages/cli/bin/prometheus-actions.mjs');

/** Python with the project's packages, set by the test runner. */
export const PYTHON = process.env.PROMETHEUS_TEST_PYTHON ?? path.join(PROJECT_ROOT, '.venv/bin/python');

export interface Finished {
  code: number | null;
  /** What it printed, both streams. */
  output: string;
}

export interface Running {
  process: ChildProcess;
  /** Resolves when the pattern has been printed. */
  prints: (pattern: RegExp) => Promise<void>;
  finished: Promise<Finished>;
}

/** Starts the command of the README. */
export function start(args: string[], env: Record<string, string> = {}): Running {
  return startIn(PROJECT_ROOT, args, env);
}

/** Starts the command in another folder, as a step of a workflow does in its checkout. */
export function startIn(cwd: string, args: string[], env: Record<string, string> = {}): Running {
  return startProgram('node', [COMMAND, ...args], { cwd, env: { CI: 'true', ...env } });
}

/** Starts a program, its environment added to this process's. */
export function startProgram(
  program: string,
  args: string[],
  { cwd, env }: { cwd: string; env: Record<string, string> },
): Running {
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  const waiting: { pattern: RegExp; resolve: () => void; reject: (reason: Error) => void }[] = [];
  const settle = () => {
    for (const { pattern, resolve } of waiting) if (pattern.test(output)) resolve();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      settle();
    });
  }
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code) => {
      for (const { pattern, reject } of waiting)
        reject(new Error(`ended without printing ${pattern}:\n${output}`));
      resolve({ code, output });
    });
  });
  return {
    process: child,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        waiting.push({ pattern, resolve, reject });
        settle();
      }),
    finished,
  };
}

/** Runs the command of the README to its end. */
export function command(args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return start(args, env).finished;
}

/** Runs a Python script that checks something with the reference libraries, and prints JSON. */
export function pythonCheck(script: string, args: string[], env: Record<string, string> = {}): unknown {
  const file = path.join(import.meta.dirname, script);
  const { status, stdout, stderr } = spawnSync(PYTHON, [file, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${script} failed:\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** Installs the packages of a lock, and nothing that they need, to a folder that goes before the environment in PYTHONPATH. */
export async function olderPackages(lock: string): Promise<string> {
  const folder = path.join(temporaryFolder(), 'packages');
  const uv = await ensureUv(path.join(PROJECT_ROOT, '.venv'));
  const args = [
    'pip',
    'install',
    '--quiet',
    '--python',
    PYTHON,
    '--target',
    folder,
    '--no-deps',
    '--require-hashes',
    '--only-binary',
    ':all:',
    '-r',
    path.join(import.meta.dirname, lock),
  ];
  const { status, stderr } = spawnSync(uv, args, { encoding: 'utf8', cwd: '/' });
  if (status !== 0) throw new Error(`uv ${args.join(' ')} failed:\n${stderr}`);
  return folder;
}

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'prometheus-test-'));
}

/** sha256 of each file of a folder but the manifest, which holds times. */
export async function contents(folder: string): Promise<Record<string, string>> {
  const files = (await listFiles(folder)).filter((file) => file !== 'stage-manifest.json');
  return Object.fromEntries(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(path.join(folder, file)))
        .digest('hex'),
    ]),
  );
}

/** A file of the folder of golden records and samples; where it is known to be absent the test is skipped. */
export function sharedFile(context: TestContext, name: string): string {
  const folder = process.env.PROMETHEUS_SHARED ?? path.resolve(PROJECT_ROOT, '../shared');
  if (folder === 'none') context.skip('PROMETHEUS_SHARED=none: the golden records are not here');
  const file = path.join(folder, name);
  try {
    readFileSync(file);
  } catch {
    if (process.env.CI === 'true') throw new Error(`${file} is not there`);
    context.skip(`${file} is not there: set PROMETHEUS_SHARED`);
  }
  return file;
}
