import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathOutside } from './child-environment.mjs';
import { ConfigurationError } from './errors.ts';
import { PROJECT_ROOT } from './hardware.ts';
import { ISOLATED_OPTION, PYTHON_VARIABLES } from './python-isolation.ts';
import { type CommandOptions, runCommand } from './run-command.ts';

export interface Installation {
  /** Locks of what is to be installed. */
  files: readonly string[];
  /** Lock of what builds packages from their source. */
  build: string;
  /** Whether packages of the right version are installed again: nothing is known of where they came from. */
  again: boolean;
}

// No wheel of these is published, of immutables none for the newest Python: their source is built, by packages that
// requirements-build.lock has the hashes of.
const FROM_SOURCE = ['deepspeed', 'immutables'];
// Without it, what builds a source is taken as the index has it.
const BUILD_HASHES = '--require-build-hashes';

/**
 * Makes the packages of an environment those of the locks, by hash, also those that build others.
 *
 * @throws ConfigurationError when the index can't be reached or serves anything else
 */
export async function installPackages(uv: string, python: string, installation: Installation): Promise<void> {
  const { build, again } = installation;
  const scratch = await mkdtemp(path.join(tmpdir(), 'prometheus-locks-'));
  try {
    const { wheels, sources } = await splitLocks(installation.files, scratch);
    const to = ['--quiet', '--python', python, '--require-hashes'];
    const anew = again ? ['--reinstall'] : [];
    await run(uv, ['pip', 'sync', ...to, ...anew, '--only-binary', ':all:', ...wheels]);
    if (sources.length === 0) return;
    const builders = entriesOf(await readFile(build, 'utf8')).flatMap(({ name }) => ['--only-binary', name]);
    const hashed = [BUILD_HASHES, '--build-constraints', build, ...builders];
    // uv's cache has what any job built, by whatever its index had: it is not asked.
    const once = ['--no-cache', '--no-deps', ...sources.flatMap((lock) => ['-r', lock])];
    await run(uv, ['pip', 'install', ...to, ...hashed, ...once]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function run(uv: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(uv, args, installing());
  if (exitCode === 0) return;
  throw new ConfigurationError(`the Python packages could not be installed:\n${stderr.trim()}`, {
    hint: /hash mismatch|hash-checking/i.test(stderr)
      ? 'Does the mirror that uv is configured for change packages? Where its cache is at fault: uv cache clean.'
      : 'Is PyPI (or the mirror that uv is configured for) reachable? Is there 10 GB of free disk?',
  });
}

/** Writes each lock without the packages that are built from their source, and what is left out as a lock of its own. */
async function splitLocks(
  files: readonly string[],
  folder: string,
): Promise<{ wheels: string[]; sources: string[] }> {
  const locks = { wheels: [] as string[], sources: [] as string[] };
  for (const file of files) {
    const entries = entriesOf(await readFile(file, 'utf8'));
    for (const kind of ['wheels', 'sources'] as const) {
      const chosen = entries.filter(({ name }) => FROM_SOURCE.includes(name) === (kind === 'sources'));
      if (chosen.length === 0) continue;
      const lock = path.join(folder, `${kind}-${path.basename(file)}`);
      await writeFile(lock, chosen.map(({ text }) => text).join(''));
      locks[kind].push(lock);
    }
  }
  return locks;
}

/** The packages of a lock; what follows a name and is indented belongs to it. */
function entriesOf(lock: string): { name: string; text: string }[] {
  return [...lock.matchAll(/^([\w.-]+)(?:\[[^\]]*\])?==.*\n(?:[ \t].*\n)*/gm)].map(([text, name = '']) => ({
    name,
    text,
  }));
}

/** uv from the PATH, or the locked one from PyPI, in a small environment of its own beside the large one. */
export async function ensureUv(
  venv: string,
  locks = path.join(PROJECT_ROOT, 'packages/trainer'),
): Promise<string> {
  const help = await runCommand('uv', ['pip', 'sync', '--help'], installing());
  if (help.stdout.includes(BUILD_HASHES)) return 'uv';
  const folder = `${venv}-uv`;
  const uv = path.join(folder, 'bin/uv');
  const lock = path.join(locks, 'requirements-uv.lock');
  const stamp = path.join(folder, 'prometheus-lock');
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(uv) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return uv;
  await removeVenv(folder);
  try {
    await makeUv(folder, lock);
  } catch (error) {
    await removeVenv(folder);
    throw error;
  }
  await writeFile(stamp, digest);
  return uv;
}

async function makeUv(folder: string, lock: string): Promise<void> {
  const python = await findPython();
  const made = await runCommand(python, [ISOLATED_OPTION, '-m', 'venv', folder], installing());
  if (made.exitCode !== 0) {
    throw new ConfigurationError(
      `${python} -m venv could not install pip: ${made.stdout.trim() || made.stderr.trim()}`,
      {
        hint: 'On Debian and Ubuntu: apt install python3-venv. Or install uv, or set PROMETHEUS_PYTHON.',
      },
    );
  }
  const installed = await runCommand(
    path.join(folder, 'bin/python'),
    [
      ...[ISOLATED_OPTION, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
      ...['--require-hashes', '--only-binary', ':all:', '-r', lock],
    ],
    installing(),
  );
  if (installed.exitCode !== 0) {
    throw new ConfigurationError(`uv could not be installed from PyPI:\n${installed.stderr.trim()}`, {
      hint: 'Is PyPI (or the mirror that pip is configured for) reachable, and does it serve what the lock names?',
    });
  }
}

/** Makes an environment without packages. */
export async function createVenv(venv: string): Promise<void> {
  const python = await findPython();
  const made = await runCommand(python, [ISOLATED_OPTION, '-m', 'venv', '--without-pip', venv], installing());
  if (made.exitCode !== 0) throw new Error(`${python} -m venv failed:\n${made.stderr}`);
}

/**
 * Removes an environment, whatever is left of it.
 *
 * @throws ConfigurationError where something else is in its place
 */
export async function removeVenv(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw notAnEnvironment(folder, error.message);
  });
  if (names.length > 0 && !names.includes('pyvenv.cfg'))
    throw notAnEnvironment(folder, `it has ${names.slice(0, 3).join(', ')}`);
  await rm(folder, { recursive: true, force: true });
}

function notAnEnvironment(folder: string, reason: string): ConfigurationError {
  return new ConfigurationError(`${folder} is not a Python environment: ${reason}`, {
    hint: 'Set PROMETHEUS_VENV to a folder that does not exist yet.',
  });
}

const LEAST_PYTHON = [3, 11] as const;

/** A Python of at least 3.11 on the PATH. */
async function findPython(): Promise<string> {
  const found: string[] = [];
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    const { exitCode, stdout } = await runCommand(
      name,
      [ISOLATED_OPTION, '-c', 'import sys; print(*sys.version_info[:3], sep=".")'],
      installing(),
    );
    if (exitCode !== 0) continue;
    const version = stdout.trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major === LEAST_PYTHON[0] && minor >= LEAST_PYTHON[1]) return name;
    found.push(`${name} is ${version}`);
  }
  throw new ConfigurationError(
    found.length === 0 ? 'there is no Python on this machine' : `Python is too old: ${found.join(', ')}`,
    {
      hint: `Install Python ${LEAST_PYTHON.join('.')} or later, outside of the checkout, or set PROMETHEUS_PYTHON to one that has the packages.`,
    },
  );
}

/**
 * How a program that installs is started: nothing of the workspace is a setting or a program of it. uv reads uv.toml and
 * pyproject.toml of the folder that it starts in and of all around it, a version manager .python-version: round the root
 * there is none. The user's own settings count, and the variables of a mirror.
 */
function installing(): CommandOptions {
  return {
    env: { ...PYTHON_VARIABLES, PATH: pathOutside() },
    kept: /^PIP_|^UV_(?!NO_VERIFY_HASHES|NO_BUILD|NO_BINARY|OVERRIDE|CONSTRAINT|BUILD_CONSTRAINT|WORKING_DIR|PROJECT|PUBLISH)/,
    cwd: '/',
  };
}
