import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureUv, PROJECT_ROOT } from '../src/index.ts';
import { type HostileWorkspace, hostileWorkspace } from './hostile-workspace.ts';
import { finish, PackageIndex } from './package-index.ts';

const PYTHON = process.env.PROMETHEUS_TEST_PYTHON ?? path.join(PROJECT_ROOT, '.venv/bin/python');
const SECRETS = { HF_TOKEN: 'hf_planted', NODE_AUTH_TOKEN: 'npm_planted', ACTIONS_RUNTIME_TOKEN: 'planted' };

const index = new PackageIndex();
let workspace: HostileWorkspace;
let uv: string;
let folder: string;
let venv: string;

beforeAll(async () => {
  await index.start();
  workspace = hostileWorkspace(index.trainer, index.address('workspace'));
  uv = await ensureUv(path.resolve(PYTHON, '../..'));
  if (uv === 'uv') uv = execFileSync('sh', ['-c', 'command -v uv'], { encoding: 'utf8' }).trim();
});
afterAll(() => index.stop());

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'install-'));
  venv = path.join(folder, 'venv');
  mkdirSync(path.join(folder, 'bin'));
  const real = 'import os, sys; print(os.path.realpath(sys.executable))';
  const python = execFileSync(PYTHON, ['-I', '-c', real], { encoding: 'utf8' }).trim();
  symlinkSync(python, path.join(folder, 'bin/python3'));
  index.reset();
});

/** Asks for an environment as an action does in that workspace; what it gives, or the error. */
async function ensure(
  sets: string[],
  { withUv = true, env = {} }: { withUv?: boolean; env?: Record<string, string> } = {},
): Promise<string> {
  if (withUv && !existsSync(path.join(folder, 'bin/uv'))) symlinkSync(uv, path.join(folder, 'bin/uv'));
  const source = path.join(import.meta.dirname, '../src/index.ts');
  const script = `const { ensurePython, PlainReporter } = await import(${JSON.stringify(source)});
    const reporter = new PlainReporter(() => {});
    try { console.log(JSON.stringify((await ensurePython(${JSON.stringify(sets)}, reporter, ${JSON.stringify(workspace.trainer)})).versions)); }
    catch (error) { console.log(error.name + ': ' + error.message); }`;
  const printed = await finish(process.execPath, ['--input-type=module', '-e', script], {
    cwd: workspace.folder,
    env: {
      ...index.user(path.join(folder, 'home')),
      ...SECRETS,
      PATH: [...workspace.path, path.join(folder, 'bin'), '/usr/bin', '/bin'].join(':'),
      GITHUB_WORKSPACE: workspace.folder,
      PROMETHEUS_VENV: venv,
      PYTHONPATH: `:${workspace.folder}`,
      ...env,
    },
  });
  // Whatever comes of it: nothing of the workspace was a setting or a program of it.
  expect(workspace.ran()).toBe('');
  expect(index.requests.filter((request) => request.startsWith('/workspace/'))).toEqual([]);
  return printed;
}

const hasStamp = () => existsSync(path.join(venv, 'prometheus-environment.json'));
function installed(): string[] {
  const [library = ''] = readdirSync(path.join(venv, 'lib'));
  return readdirSync(path.join(venv, 'lib', library, 'site-packages')).filter((name) => name.endsWith('.py'));
}

/** Installs from an index as a job without hashes does, in an environment and with a cache that outlive it. */
async function installUnhashed(requirement: string, into: string): Promise<void> {
  if (!existsSync(into)) execFileSync(PYTHON, ['-I', '-m', 'venv', '--without-pip', into]);
  const args = ['pip', 'install', '--quiet', '--python', path.join(into, 'bin/python'), requirement];
  expect(await finish(uv, args, { cwd: '/', env: index.user(path.join(folder, 'home')) })).toBe('');
}

describe('packages of Python', () => {
  it("come from the user's own mirror, whatever a workspace says, and are built without a token", async () => {
    expect(await ensure(['base', 'gpu'])).toBe('{"demo":"honest","deepspeed":"honest"}\n');
    expect(hasStamp()).toBe(true);
    expect(index.requests).toContain('/user/simple/demo/');
    const [note] = index.notes();
    expect(note?.ran).toBe('setuptools of honest');
    expect(Object.keys(note?.environment ?? {})).toContain('HOME');
    expect(Object.keys(note?.environment ?? {}).filter((name) => name in SECRETS)).toEqual([]);
  });

  it('come from the mirror of a variable, where the author of a workflow sets one', async () => {
    const env = { UV_DEFAULT_INDEX: index.address('user').replace('/user/', '/variable/') };
    expect(await ensure(['base'], { env })).toBe('{"demo":"honest"}\n');
    expect(index.requests.filter((request) => !request.startsWith('/variable/'))).toEqual([]);
  });

  it.each(['other-wheel', 'no-wheel', 'other-source', 'other-sdist', 'other-builder'])(
    'are refused where the mirror lies (%s): none is installed, nothing that it serves runs',
    async (lie) => {
      index.serves = lie;
      expect(await ensure(['base', 'gpu'])).toMatch(
        /^ConfigurationError: the Python packages could not be installed:\n/,
      );
      expect(index.notes().map(({ ran }) => ran)).not.toContainEqual(expect.stringContaining('liar'));
      expect(hasStamp()).toBe(false);
      expect(existsSync(venv)).toBe(false);
      // Nor does anything stay that the next job takes.
      index.reset();
      expect(await ensure(['base', 'gpu'])).toBe('{"demo":"honest","deepspeed":"honest"}\n');
    },
  );

  it('are built by the locked package where the mirror has a newer one', async () => {
    index.serves = 'newer-builder';
    expect(await ensure(['gpu'])).toBe('{"demo":"honest","deepspeed":"honest"}\n');
    expect(new Set(index.notes().map(({ ran }) => ran))).toEqual(new Set(['setuptools of honest']));
  });

  it('are not those that another job left in the cache of uv, built by anything', async () => {
    index.serves = 'other-builder';
    await installUnhashed('deepspeed==1.0', path.join(folder, 'other'));
    expect(index.notes().map(({ ran }) => ran)).toContain('setuptools of liar');
    index.reset();
    expect(await ensure(['gpu'])).toBe('{"demo":"honest","deepspeed":"honest"}\n');
  });

  it('are not those that another job left in the environment', async () => {
    index.serves = 'other-wheel';
    await installUnhashed('demo==1.0', venv);
    expect(installed()).toEqual(['demo.py']);
    index.reset();
    // uv's cache has them, too, and they are named rather than taken.
    expect(await ensure(['base'])).toMatch(/Hash mismatch[^]*uv cache clean/);
    const env = { UV_CACHE_DIR: path.join(folder, 'cache') };
    expect(await ensure(['base'], { env })).toBe('{"demo":"honest"}\n');
  });

  it.each(['honest', 'other-builder'])(
    'are hashed whatever other variables of uv say (%s)',
    async (serves) => {
      index.serves = serves;
      const env = { UV_NO_VERIFY_HASHES: '1', UV_NO_BINARY: '1', UV_NO_BUILD_ISOLATION: '1' };
      const printed = await ensure(['gpu'], { env });
      if (serves === 'honest') expect(printed).toBe('{"demo":"honest","deepspeed":"honest"}\n');
      else expect(printed).toMatch(/^ConfigurationError: the Python packages/);
      expect(index.notes().map(({ ran }) => ran)).not.toContain('setuptools of liar');
      expect(hasStamp()).toBe(serves === 'honest');
    },
  );

  it('are not installed in place of other files', async () => {
    mkdirSync(venv);
    writeFileSync(path.join(venv, 'thesis.tex'), 'years');
    expect(await ensure(['base'])).toMatch(
      /^ConfigurationError: \S+\/venv is not a Python environment: it has thesis\.tex\n {2}Set PROMETHEUS_VENV/,
    );
    expect(readFileSync(path.join(venv, 'thesis.tex'), 'utf8')).toBe('years');
  });
});

describe('uv, where there is none on the PATH', () => {
  it("is installed by pip from the user's own mirror, and kept with the digest of its lock", async () => {
    // The uv of this index installs nothing, so that the check of the environment fails.
    await ensure(['base'], { withUv: false });
    expect(index.requests).toContain('/user/simple/uv/');
    const made = path.join(folder, 'venv-uv');
    expect(readFileSync(path.join(made, 'bin/uv'), 'utf8')).toContain('uv of honest');
    expect(readFileSync(path.join(made, 'prometheus-lock'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
    // One that has no such mark is not taken: it may be half of one, or somebody else's.
    writeFileSync(path.join(made, 'bin/uv'), '#!/bin/sh\necho uv of liar\n');
    writeFileSync(path.join(made, 'prometheus-lock'), 'of another lock');
    await ensure(['base'], { withUv: false });
    expect(readFileSync(path.join(made, 'bin/uv'), 'utf8')).toContain('uv of honest');
  });

  it('is refused where the mirror lies, and nothing is left of it', async () => {
    index.serves = 'other-uv';
    expect(await ensure(['base'], { withUv: false })).toMatch(
      /^ConfigurationError: uv could not be installed from PyPI:\n[^]*THESE PACKAGES DO NOT MATCH THE HASHES/,
    );
    expect(existsSync(path.join(folder, 'venv-uv'))).toBe(false);
    expect(hasStamp()).toBe(false);
  });
});
