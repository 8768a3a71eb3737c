import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError } from './errors.ts';
import { PROJECT_ROOT } from './hardware.ts';
import { createVenv, ensureUv, installPackages, removeVenv } from './install-packages.ts';
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
const STAMP_FILE = 'prometheus-environment.json';

/**
 * The Python environment with the locked packages, made on first use.
 *
 * It is `.venv` of the checkout, or `PROMETHEUS_VENV`; an action, whose checkout is thrown away, keeps it in the
 * runner's tool cache under the digest of the locks. `PROMETHEUS_PYTHON` names an interpreter that is there already:
 * then nothing is installed, and its versions are checked against `pyproject.toml`.
 *
 * @param trainer where `pyproject.toml`, the locks and the check of what is installed are
 * @throws ConfigurationError when there is no Python ≥ 3.11, the named one lacks packages, or other packages are served
 *   than the locks name
 */
export async function ensurePython(
  sets: readonly RequirementSet[],
  reporter: Reporter,
  trainer = TRAINER,
): Promise<PythonEnvironment> {
  const given = process.env.PROMETHEUS_PYTHON;
  if (given) return checkGivenPython(given, trainer);
  const locks = await lockDigests(trainer);
  const venv = environmentFolder({ ...locks, build: await digestOfFile(buildLock(trainer)) });
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
    const all = [...new Set([...kept, ...sets])];
    return await install(venv, all, locks, reporter, { trainer, isOurs: made !== undefined });
  } finally {
    lock.release();
  }
}

async function install(
  venv: string,
  sets: RequirementSet[],
  locks: Record<RequirementSet, string>,
  reporter: Reporter,
  {
    trainer,
    isOurs,
  }: { trainer: string /** Its packages are known to be those of a lock. */; isOurs: boolean },
): Promise<PythonEnvironment> {
  const started = Date.now();
  reporter.info(`Setting up Python in ${venv}: the locked packages, about 5 GB with PyTorch, once.`);
  await rm(path.join(venv, STAMP_FILE), { force: true });
  const python = interpreterOf(venv);
  const works =
    existsSync(python) && (await runCommand(python, [ISOLATED_OPTION, '-c', 'pass'])).exitCode === 0;
  if (!works) {
    await removeVenv(venv);
    await mkdir(path.dirname(venv), { recursive: true });
    await createVenv(venv);
  }
  const uv = await ensureUv(venv, trainer);
  const files = sets.map((set) => lockFile(set, trainer));
  const installation = { files, build: buildLock(trainer), again: works && !isOurs };
  await installPackages(uv, python, installation).catch(async (error: unknown) => {
    if (!works) await removeVenv(venv);
    throw error;
  });
  const versions = await installedVersions(python, trainer);
  const stamp: Stamp = { locks: Object.fromEntries(sets.map((set) => [set, locks[set]])), versions };
  await writeFile(path.join(venv, STAMP_FILE), JSON.stringify(stamp, null, 2));
  reporter.info(`Python is ready, after ${formatSeconds((Date.now() - started) / 1000)}.`);
  return { python, versions };
}

async function checkGivenPython(python: string, trainer: string): Promise<PythonEnvironment> {
  const { exitCode, stdout, stderr } = await checkEnvironment(python, trainer);
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

async function installedVersions(python: string, trainer: string): Promise<Record<string, string>> {
  const { exitCode, stdout, stderr } = await checkEnvironment(python, trainer);
  if (exitCode !== 0) throw new Error(`the Python environment is not as locked: ${stderr}`);
  return JSON.parse(stdout) as Record<string, string>;
}

function checkEnvironment(python: string, trainer: string): ReturnType<typeof runCommand> {
  // Without an option, since it has to tell a Python before 3.11 that it is too old.
  return runCommand(python, [path.join(trainer, 'scripts/check_environment.py')], { env: PYTHON_VARIABLES });
}

function environmentFolder(locks: Record<string, string>): string {
  if (process.env.PROMETHEUS_VENV) return path.resolve(process.env.PROMETHEUS_VENV);
  const toolCache = process.env.GITHUB_ACTIONS === 'true' ? process.env.RUNNER_TOOL_CACHE : undefined;
  if (!toolCache) return path.join(PROJECT_ROOT, '.venv');
  const digest = createHash('sha256').update(JSON.stringify(locks)).digest('hex').slice(0, 12);
  return path.join(toolCache, 'prometheus-actions', `python-${digest}`);
}

async function lockDigests(trainer: string): Promise<Record<RequirementSet, string>> {
  const digests = REQUIREMENT_SETS.map(
    async (set) => [set, await digestOfFile(lockFile(set, trainer))] as const,
  );
  return Object.fromEntries(await Promise.all(digests)) as Record<RequirementSet, string>;
}

async function digestOfFile(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

function lockFile(set: RequirementSet, trainer: string): string {
  return path.join(trainer, set === 'base' ? 'requirements.lock' : `requirements-${set}.lock`);
}

function buildLock(trainer: string): string {
  return path.join(trainer, 'requirements-build.lock');
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
