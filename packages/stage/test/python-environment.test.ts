import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'python-'));
  mkdirSync(path.join(folder, 'bin'));
});

/** A program of that name on the PATH that prints a text and ends with a code. */
function program(name: string, prints: string, code = 0): string {
  const file = path.join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\necho '${prints}'${code === 0 ? '' : ' >&2'}\nexit ${code}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Asks for the environment in a process whose PATH has those programs only. */
function ensure(env: Record<string, string> = {}, cwd = folder): string {
  const source = path.resolve(import.meta.dirname, '../src/index.ts');
  const script = `const { ensurePython, PlainReporter } = await import(${JSON.stringify(source)});
    try { console.log(JSON.stringify(await ensurePython(['base'], new PlainReporter(() => {})))); }
    catch (error) { console.log(error.name + ': ' + error.message); }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd,
    env: { PATH: path.join(folder, 'bin'), PROMETHEUS_VENV: path.join(folder, 'venv'), ...env },
  });
  return stdout;
}

/** The interpreter itself, also where python3 on the PATH is a script that chooses one. */
function pythonOnPath(): string {
  const program = 'import os, sys; print(os.path.realpath(sys.executable))';
  return spawnSync('python3', ['-I', '-c', program], { encoding: 'utf8' }).stdout.trim();
}

it('says so where there is no Python', () => {
  expect(ensure()).toMatch(
    /^ConfigurationError: there is no Python on this machine\n {2}Install Python 3\.11 or later/,
  );
  expect(existsSync(path.join(folder, 'venv'))).toBe(false);
});

it('names a Python that is too old', () => {
  program('python3', '3.9.2');
  expect(ensure()).toMatch(/^ConfigurationError: Python is too old: python3 is 3\.9\.2\n/);
});

it('takes a Python that is named, with its versions', () => {
  const python = program('mine', '{"torch": "2.12.0"}');
  expect(JSON.parse(ensure({ PROMETHEUS_PYTHON: python }))).toEqual({
    python,
    versions: { torch: '2.12.0' },
  });
});

it('says what the named Python lacks', () => {
  const python = program('mine', 'peft>=0.21,<1 is missing', 1);
  expect(ensure({ PROMETHEUS_PYTHON: python })).toMatch(
    /can't be used: peft>=0\.21,<1 is missing\n {2}Install what is missing/,
  );
});

it('reads nothing of the folder that it is asked in, whatever the caller says of Python', () => {
  const workspace = path.join(folder, 'workspace');
  mkdirSync(workspace);
  const sprung = path.join(folder, 'sprung');
  for (const name of [
    'venv',
    'runpy',
    'argparse',
    'sysconfig',
    'tomllib',
    'json',
    'sitecustomize',
    'packaging',
  ])
    writeFileSync(
      path.join(workspace, `${name}.py`),
      `open(${JSON.stringify(sprung)}, "a").write(__name__)\n`,
    );
  const real = pythonOnPath();
  symlinkSync(real, path.join(folder, 'bin/python3'));
  // uv takes its settings from uv.toml and pyproject.toml of the folder that it starts in, and of those above.
  const uv = program('uv', '');
  writeFileSync(uv, `#!/bin/sh\necho "$PWD" > ${folder}/uv-started-in\necho --require-build-hashes\n`);
  const caller = { PYTHONPATH: `:${workspace}`, PYTHONSAFEPATH: '' };
  // Nothing is installed by that uv, so the check of what there is runs, and fails.
  expect(ensure(caller, workspace)).toMatch(
    /^Error: the Python environment is not as locked: the package packaging/,
  );
  expect(existsSync(path.join(folder, 'venv/bin/python'))).toBe(true);
  expect(readFileSync(path.join(folder, 'uv-started-in'), 'utf8')).toBe('/\n');
  expect(existsSync(sprung)).toBe(false);
  spawnSync(real, ['-c', 'import json'], { cwd: workspace, env: caller });
  expect(readFileSync(sprung, 'utf8')).toContain('json');
});
