import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
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
function ensure(env: Record<string, string> = {}): string {
  const source = path.resolve(import.meta.dirname, '../src/index.ts');
  const script = `const { ensurePython, PlainReporter } = await import(${JSON.stringify(source)});
    try { console.log(JSON.stringify(await ensurePython(['base'], new PlainReporter(() => {})))); }
    catch (error) { console.log(error.name + ': ' + error.message); }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { PATH: path.join(folder, 'bin'), PROMETHEUS_VENV: path.join(folder, 'venv'), ...env },
  });
  return stdout;
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
