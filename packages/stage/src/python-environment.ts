import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError } from './errors.ts';
import { PROJECT_ROOT } from './hardware.ts';
import { lockOutput } from './output-lock.ts';
import { ISOLATED_OPTION, PYTHON_VARIABLES } from './python-isolation.ts';
import { formatSeconds, type Reporter } from './reporter.ts';
import { runCommand } from './run-command.ts';

const REQUIREMENT_SETS = ['base', 'gpu', 'tracking', 'mergekit', 'dev'] as const;

/**
 * `base` trains and merges on any machine, `gpu` adds DeepSpeed, `tracking` TensorBoard and Weights & Biases, `mergekit`
 * the tool of that name for merges that our engine does not do, `dev` what the tests need.
 */
export type RequirementSet = (typeof REQUIREMENT_SETS)[number];

export interface PythonEnvironment {
  /** The interpreter. */
  python: string;
  /** Installed version by distribution name. */
  versions: Record<string, string>;
}

interface Stamp {
  /** sha256 of each lock whose packages are installed. */
  locks: Partial<Record<RequirementSet, string>>;
  versions: Record<string, string>;
}

const TRAINER = path.join(PROJECT_ROOT, 'packages/trainer');
// Started without an option, since it has to tell a Python before 3.11 that it is too old.
const CHECK_SCRIPT = path.join(TRAINER, 'scripts/check_environment.py');
const STAMP_FILE = 'prometheus-environment.json';
const LEAST_PYTHON = [3, 11] as const;

/**
 * The Python environment with the locked packages, made on first use.
 *
 * It is `.venv` of the checkout, or `PROMETHEUS_VENV`; an action, whose checkout is thrown away, keeps it in the
 * runner's tool cache under the digest of the locks. `PROMETHEUS_PYTHON` names an interpreter that is there already:
 * then nothing is installed, and its versions are checked against `pyproject.toml`.
 *
 * @throws ConfigurationError when there is no Python ≥ 3.11, or the named one lacks packages
 */
export async function ensurePython(
  sets: readonly RequirementSet[],
  reporter: Reporter,
): Promise<PythonEnvironment> {
  const given = process.env.PROMETHEUS_PYTHON;
  if (given) return checkGivenPython(given);
  const locks = await lockDigests();
  const venv = environmentFolder(locks);
  const current = await readStamp(venv);
  if (current && isInstalled(current, sets, locks))
    return { python: interpreterOf(venv), versions: current.versions };
  const lock = await lockOutput(venv, {
    wait: true,
    onWait: (holder) => reporter.info(`waiting for the Python environment that ${holder} is making`),
  });
  try {
    const made = await readStamp(venv);
    if (made && isInstalled(made, sets, locks))
      return { python: interpreterOf(venv), versions: made.versions };
    // What an earlier call installed stays: a base environment that is asked for `gpu` gets both.
    const kept = made ? (Object.keys(made.locks) as RequirementSet[]) : [];
    return await install(venv, [...new Set([...kept, ...sets])], locks, reporter);
  } finally {
    lock.release();
  }
}

async function install(
  venv: string,
  sets: RequirementSet[],
  locks: Record<RequirementSet, string>,
  reporter: Reporter,
): Promise<PythonEnvironment> {
  const started = Date.now();
  reporter.info(`Setting up Python in ${venv}: the locked packages, about 5 GB with PyTorch, once.`);
  await rm(path.join(venv, STAMP_FILE), { force: true });
  const python = interpreterOf(venv);
  if (!existsSync(python) || (await runCommand(python, [ISOLATED_OPTION, '-c', 'pass'])).exitCode !== 0) {
    await rm(venv, { recursive: true, force: true });
    await mkdir(path.dirname(venv), { recursive: true });
    await createVenv(venv);
  }
  const uv = await ensureUv(venv);
  const arguments_ = ['pip', 'sync', '--quiet', '--python', python, '--require-hashes'];
  // uv reads uv.toml and pyproject.toml of the folder it starts in and of those around it: the checkout's say nothing here.
  const synced = await runCommand(uv, [...arguments_, ...sets.map(lockFile)], PYTHON_VARIABLES, TRAINER);
  if (synced.exitCode !== 0) {
    throw new ConfigurationError(`the Python packages could not be installed:\n${synced.stderr.trim()}`, {
      hint: 'Is PyPI (or the mirror that uv is configured for) reachable? Is there 10 GB of free disk?',
    });
  }
  const versions = await installedVersions(python);
  const stamp: Stamp = { locks: Object.fromEntries(sets.map((set) => [set, locks[set]])), versions };
  await writeFile(path.join(venv, STAMP_FILE), JSON.stringify(stamp, null, 2));
  reporter.info(`Python is ready, after ${formatSeconds((Date.now() - started) / 1000)}.`);
  return { python, versions };
}

async function createVenv(venv: string): Promise<void> {
  const python = await findPython();
  const made = await runCommand(python, [ISOLATED_OPTION, '-m', 'venv', '--without-pip', venv]);
  if (made.exitCode !== 0) throw new Error(`${python} -m venv failed:\n${made.stderr}`);
}

/** uv from the PATH, or the pinned one from PyPI, in a small environment of its own beside the large one. */
export async function ensureUv(venv: string): Promise<string> {
  if ((await runCommand('uv', ['--version'])).exitCode === 0) return 'uv';
  const folder = `${venv}-uv`;
  const uv = path.join(folder, 'bin/uv');
  if (existsSync(uv)) return uv;
  const python = await findPython();
  const made = await runCommand(python, [ISOLATED_OPTION, '-m', 'venv', folder], PYTHON_VARIABLES);
  if (made.exitCode !== 0) {
    await rm(folder, { recursive: true, force: true });
    throw new ConfigurationError(
      `${python} -m venv could not install pip: ${made.stdout.trim() || made.stderr.trim()}`,
      {
        hint: 'On Debian and Ubuntu: apt install python3-venv. Or install uv, or set PROMETHEUS_PYTHON.',
      },
    );
  }
  const lock = path.join(TRAINER, 'requirements-uv.lock');
  const pip = [
    ISOLATED_OPTION,
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
    '-r',
    lock,
  ];
  const installed = await runCommand(path.join(folder, 'bin/python'), pip, PYTHON_VARIABLES);
  if (installed.exitCode !== 0) {
    throw new ConfigurationError(`uv could not be installed from PyPI:\n${installed.stderr.trim()}`, {
      hint: 'Is PyPI (or the mirror that pip is configured for) reachable?',
    });
  }
  return uv;
}

/** A Python of at least 3.11 on the PATH. */
async function findPython(): Promise<string> {
  const found: string[] = [];
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    const { exitCode, stdout } = await runCommand(name, [
      ISOLATED_OPTION,
      '-c',
      'import sys; print(*sys.version_info[:3], sep=".")',
    ]);
    if (exitCode !== 0) continue;
    const version = stdout.trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major === LEAST_PYTHON[0] && minor >= LEAST_PYTHON[1]) return name;
    found.push(`${name} is ${version}`);
  }
  throw new ConfigurationError(
    found.length === 0 ? 'there is no Python on this machine' : `Python is too old: ${found.join(', ')}`,
    {
      hint: `Install Python ${LEAST_PYTHON.join('.')} or later, or set PROMETHEUS_PYTHON to one that has the packages.`,
    },
  );
}

async function checkGivenPython(python: string): Promise<PythonEnvironment> {
  const { exitCode, stdout, stderr } = await runCommand(python, [CHECK_SCRIPT], PYTHON_VARIABLES);
  if (exitCode !== 0) {
    throw new ConfigurationError(
      `PROMETHEUS_PYTHON=${python} can't be used: ${(stderr || 'it does not run').trim()}`,
      {
        hint: 'Install what is missing there, or unset PROMETHEUS_PYTHON to have the locked packages installed.',
      },
    );
  }
  return { python, versions: JSON.parse(stdout) as Record<string, string> };
}

async function installedVersions(python: string): Promise<Record<string, string>> {
  const { exitCode, stdout, stderr } = await runCommand(python, [CHECK_SCRIPT], PYTHON_VARIABLES);
  if (exitCode !== 0) throw new Error(`the Python environment is not as locked: ${stderr}`);
  return JSON.parse(stdout) as Record<string, string>;
}

function environmentFolder(locks: Record<RequirementSet, string>): string {
  if (process.env.PROMETHEUS_VENV) return path.resolve(process.env.PROMETHEUS_VENV);
  const toolCache = process.env.GITHUB_ACTIONS === 'true' ? process.env.RUNNER_TOOL_CACHE : undefined;
  if (!toolCache) return path.join(PROJECT_ROOT, '.venv');
  const digest = createHash('sha256').update(JSON.stringify(locks)).digest('hex').slice(0, 12);
  return path.join(toolCache, 'prometheus-actions', `python-${digest}`);
}

async function lockDigests(): Promise<Record<RequirementSet, string>> {
  const digests = REQUIREMENT_SETS.map(async (set) => {
    const digest = createHash('sha256').update(await readFile(lockFile(set)));
    return [set, digest.digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(digests)) as Record<RequirementSet, string>;
}

function lockFile(set: RequirementSet): string {
  return path.join(TRAINER, set === 'base' ? 'requirements.lock' : `requirements-${set}.lock`);
}

function interpreterOf(venv: string): string {
  return path.join(venv, 'bin/python');
}

async function readStamp(venv: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(path.join(venv, STAMP_FILE), 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}

function isInstalled(
  stamp: Stamp,
  sets: readonly RequirementSet[],
  locks: Record<RequirementSet, string>,
): boolean {
  return sets.every((set) => stamp.locks[set] === locks[set]);
}
