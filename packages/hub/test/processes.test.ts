import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { fetchFiles } from '../src/index.ts';
import { etagOf } from './hub-server.ts';
import { COMMIT, lfsFile, REPO, useHub } from './test-hub.ts';

const hub = useHub();
const FILE = lfsFile('train', 2_000_000);

/** A process of its own that fetches the file, and prints its path. */
function fetchInProcess(): ChildProcess {
  const program = `
    import { fetchFiles } from ${JSON.stringify(path.resolve(import.meta.dirname, '../src/index.ts'))};
    const [repo, settings] = process.argv.slice(1).map((text) => JSON.parse(text));
    console.log(...(await fetchFiles(repo, ['train.json'], settings)));
  `;
  const patient = { ...hub.settings, downloadTimeout: 10_000, metadataTimeout: 10_000 };
  const args = [
    '--input-type=module-typescript',
    '-e',
    program,
    JSON.stringify(REPO),
    JSON.stringify(patient),
  ];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function serve(): string {
  hub.server.repos['datasets/owner/rows'] = { commit: COMMIT, files: { 'train.json': FILE } };
  return path.join(hub.cacheDir, 'datasets--owner--rows/blobs', etagOf(FILE));
}

const ranges = () =>
  hub.server
    .contentRequests()
    .filter(({ host }) => host === 'storage')
    .map(({ range }) => range);

it('goes on after a kill with what the killed process left', async () => {
  const blob = serve();
  hub.server.pace = { bytes: 20_000, pause: 10 };
  hub.server.fault = (kind) => (kind === 'content' ? 'slow' : undefined);
  const partial = `${blob}.prometheus.incomplete`;
  const child = fetchInProcess();
  while (!existsSync(partial) || statSync(partial).size < 200_000) await sleep(5);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const left = statSync(partial).size;
  expect(existsSync(blob)).toBe(false);
  expect(left).toBeLessThan(FILE.content.length);

  hub.server.fault = () => undefined;
  const [file] = await fetchFiles(REPO, ['train.json'], hub.settings);
  expect(ranges()).toEqual([undefined, `bytes=${left}-`]);
  expect(readFileSync(file as string).equals(FILE.content)).toBe(true);
  expect(readdirSync(path.dirname(blob))).toEqual([etagOf(FILE)]);
});

it('fetches once what several processes want, whichever comes first', async () => {
  const blob = serve();
  hub.server.pace = { bytes: 50_000, pause: 20 };
  hub.server.fault = (kind) => (kind === 'content' ? 'slow' : undefined);
  const children = [fetchInProcess(), fetchInProcess(), fetchInProcess()];
  const ours: string[] = [];
  const [file] = await fetchFiles(
    REPO,
    ['train.json'],
    { ...hub.settings, downloadTimeout: 10_000 },
    { onWait: (holder) => ours.push(holder) },
  );
  const codes = await Promise.all(
    children.map(async (child) => child.exitCode ?? (await once(child, 'exit'))[0]),
  );
  expect(codes).toEqual([0, 0, 0]);
  expect(ranges()).toEqual([undefined]);
  expect(readFileSync(file as string).equals(FILE.content)).toBe(true);
  expect(readdirSync(path.dirname(blob))).toEqual([etagOf(FILE)]);
});
