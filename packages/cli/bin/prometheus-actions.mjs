#!/usr/bin/env node
// Starts the command from a bare checkout: installs the locked node packages when they are not there, then hands over
// to the TypeScript source on the Node that the lock brings (24, which the actions run on), whatever Node started this.
// Plain JavaScript without dependencies, since it runs before there are any.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment, pathOutside } from '../../stage/src/child-environment.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const stamp = join(root, 'node_modules/.prometheus-lock');

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node ${process.versions.node} is too old`, 'Install Node 20 or later.');
}
installPackages();
await runSource();

function installPackages() {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const node = join(root, 'node_modules/.bin/node');
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  process.stderr.write('Setting up: the locked node packages, once.\n');
  rmSync(stamp, { force: true });
  const started = Date.now();
  // Two first commands at the same time would install over each other; npm itself does not mind being run twice in turn.
  const npm = spawnSync(
    'npm',
    // A folder around this one may name it as a workspace of its own: npm would install that one, with its settings. Node
    // comes as a package like any other, so that no package has to run anything.
    ['ci', '--prefix', root, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: npmEnvironment() },
  );
  if (npm.error || npm.status !== 0) {
    fail(
      'npm ci failed',
      npm.error?.code === 'ENOENT'
        ? 'There is no npm on the PATH, outside of the checkout.'
        : 'Is the npm registry reachable? What npm says is above.',
    );
  }
  // A package that is optional is left out without a word where it does not have the hash of the lock.
  if (!existsSync(node)) {
    fail(
      `npm ci installed no Node for ${process.platform} ${process.arch}`,
      'There is one for Linux and macOS, on x64 and arm64. Does the npm registry serve what the lock names?',
    );
  }
  writeFileSync(stamp, digest);
  process.stderr.write(
    `The node packages are ready, after ${Math.round((Date.now() - started) / 1000)} s.\n`,
  );
}

/** The user's own settings of npm count (NPM_CONFIG_…), with the tokens that they name. */
function npmEnvironment() {
  const file = process.env.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc');
  const settings = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const named = [...settings.matchAll(/\$\{(\w+)\??\}/g)].map(([, name]) => name);
  // `npm test -- X` leaves npm's own settings in the environment, in small letters; they are not meant for this npm.
  return childEnvironment({ PATH: pathOutside() }, new RegExp(`^(?:NPM_CONFIG_.*|${named.join('|')})$`));
}

async function runSource() {
  const args = process.argv.slice(2);
  // `--run FILE` runs one of the project's own scripts with the same set-up.
  const [script, ...rest] =
    args[0] === '--run' ? args.slice(1) : [join(root, 'packages/cli/src/main.ts'), ...args];
  const bin = join(root, 'node_modules/.bin');
  // What Node compiles is kept there: half the time of a start, and a fifth less memory. Where nothing can be written it
  // does without.
  const cache = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/node-compile');
  const child = spawn(join(bin, 'node'), [args[0] === '--run' ? join(root, script) : script, ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, NODE_COMPILE_CACHE: cache },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((done) => child.once('close', (...result) => done(result)));
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
}

function fail(problem, hint) {
  process.stderr.write(`error: ${problem}\n  ${hint}\n`);
  process.exit(2);
}
