import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NpmRegistry } from './npm-registry.ts';

const registry = new NpmRegistry();
/** A checkout with settings of npm of its own, in which ours is a folder, and what it names as a workspace. */
let workspace: string;
let project: string;
let home: string;
let noted: string;

const SECRETS = {
  HF_TOKEN: 'planted-1',
  NODE_AUTH_TOKEN: 'planted-2',
  GITHUB_TOKEN: 'planted-3',
  ACTIONS_RUNTIME_TOKEN: 'planted-4',
  INPUT_TOKEN: 'planted-5',
};

beforeAll(() => registry.start());
afterAll(() => registry.stop());

beforeEach(() => {
  registry.liesAbout = undefined;
  registry.requests.length = 0;
  workspace = mkdtempSync(path.join(tmpdir(), 'npm-workspace-'));
  project = path.join(workspace, 'vendor/prometheus-actions');
  home = mkdtempSync(path.join(tmpdir(), 'npm-home-'));
  noted = path.join(home, 'noted');
  for (const file of ['packages/cli/bin/prometheus-actions.mjs', 'packages/stage/src/child-environment.mjs'])
    cpSync(path.join(PROJECT_ROOT, file), path.join(project, file));
  const scripts = { preinstall: `echo script >> ${noted}`, postinstall: `echo script >> ${noted}` };
  const runtime = { os: [process.platform], cpu: [process.arch], bin: { node: 'bin/node' } };
  const lock = {
    'node_modules/demo': registry.add({ name: 'demo', version: '1.0.0', scripts }, { 'index.js': '' }),
    'node_modules/our-node': {
      ...registry.add(
        { name: 'our-node', version: '24.0.0', ...runtime },
        { 'bin/node': '#!/bin/sh\necho the Node of the lock "$@"\n' },
      ),
      optional: true,
    },
  };
  const manifest = {
    name: 'prometheus-actions',
    version: '1.0.0',
    devDependencies: { demo: '1.0.0' },
    optionalDependencies: { 'our-node': '24.0.0' },
  };
  write(project, 'package.json', JSON.stringify(manifest));
  const packages = { '': manifest, ...lock };
  write(
    project,
    'package-lock.json',
    JSON.stringify({ name: manifest.name, version: '1.0.0', lockfileVersion: 3, requires: true, packages }),
  );
  const hostile = `registry=${registry.address('workspace')}\nignore-scripts=false\n`;
  for (const folder of ['.', 'vendor']) write(workspace, `${folder}/.npmrc`, hostile);
  write(workspace, 'package.json', JSON.stringify({ name: 'all', workspaces: ['vendor/*'], scripts }));
  write(workspace, 'npm', `#!/bin/sh\necho npm of the workspace >> ${noted}\n`);
  // The user's mirror asks for a token, which the user's settings name.
  const mirror = registry.address('user');
  const asked = `${mirror.replace('http:', '')}:_authToken=\${MIRROR_TOKEN}\n`;
  write(home, '.npmrc', `registry=${mirror}\n${asked}cache=${home}/cache\n`);
  // npm itself, which first notes its environment.
  const real = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
  write(home, 'bin/npm', `#!/bin/sh\nenv > ${home}/environment\nexec ${real} "$@"\n`);
});

function write(folder: string, name: string, text: string): void {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o755 });
}

/** Starts the command for the first time, in the workspace. */
function start(): Promise<string> {
  const command = path.join(project, 'packages/cli/bin/prometheus-actions.mjs');
  const env = {
    ...SECRETS,
    MIRROR_TOKEN: 'of-the-mirror',
    HOME: home,
    GITHUB_WORKSPACE: workspace,
    PATH: ['', '.', workspace, path.join(home, 'bin'), path.dirname(process.execPath), process.env.PATH].join(
      ':',
    ),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [command, 'plan'], { cwd: workspace, env, encoding: 'utf8' }, (_, out, err) =>
      resolve(`${out}${err}`),
    );
  });
}

const hasStamp = () => existsSync(path.join(project, 'node_modules/.prometheus-lock'));

describe('the first start of the command', () => {
  it("installs the locked packages from the user's own registry, runs none of their scripts, and takes Node of the lock", async () => {
    const printed = await start();
    expect(printed).toMatch(/^the Node of the lock \S+packages\/cli\/src\/main\.ts plan$/m);
    expect(hasStamp()).toBe(true);
    expect(existsSync(path.join(project, 'node_modules/demo/index.js'))).toBe(true);
    expect(existsSync(noted), 'a script or an npm of the workspace ran').toBe(false);
    expect(registry.requests.map((request) => request.path)).toContain('/user/demo.tgz');
    expect(registry.requests.filter((request) => !request.path.startsWith('/user/'))).toEqual([]);
    expect(registry.requests[0]?.authorization).toBe('Bearer of-the-mirror');
    expect(existsSync(path.join(workspace, 'node_modules'))).toBe(false);
  });

  it('starts npm without a token', async () => {
    await start();
    const environment = readFileSync(path.join(home, 'environment'), 'utf8');
    expect(environment).toContain(`HOME=${home}`);
    expect(environment).not.toContain('planted');
  });

  it.each([
    ['demo', /EINTEGRITY[^]*error: npm ci failed/],
    ['our-node', /error: npm ci installed no Node for \w+ \w+/],
  ])('fails where the registry serves another %s, and is tried again the next time', async (name, said) => {
    registry.liesAbout = name;
    const printed = await start();
    expect(printed).toMatch(said);
    expect(printed).not.toContain('a lie');
    expect(hasStamp()).toBe(false);
    registry.liesAbout = undefined;
    expect(await start()).toContain('the Node of the lock');
  });
});

describe('package-lock.json', () => {
  const lock = JSON.parse(readFileSync(path.join(PROJECT_ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<
      string,
      { link?: boolean; integrity?: string; hasInstallScript?: boolean; version?: string }
    >;
  };
  const installed = Object.entries(lock.packages).filter(
    ([name, entry]) => name.includes('node_modules/') && !entry.link,
  );

  it('has the hash of each package, those for other platforms too', () => {
    expect(installed.length).toBeGreaterThan(200);
    const without = installed.filter(([, entry]) => !/^sha512-[\w+/]{86}==$/.test(entry.integrity ?? ''));
    expect(without.map(([name]) => name)).toEqual([]);
  });

  it('has no package that needs a script of its own to be installed', () => {
    expect(installed.filter(([, entry]) => entry.hasInstallScript).map(([name]) => name)).toEqual([]);
  });

  it('has Node 24 for Linux and macOS', () => {
    const found = installed.flatMap(([name, { version = '' }]) =>
      /^node_modules\/node-(bin-)?(linux|darwin)-/.test(name) ? [version.split('.')[0]] : [],
    );
    expect(found).toEqual(['24', '24', '24', '24']);
  });
});
