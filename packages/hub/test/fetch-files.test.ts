import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { fetchFiles, listRepoFiles, resolveRepo } from '../src/index.ts';
import { etagOf, type Fault } from './hub-server.ts';
import { bytes, COMMIT, gitFile, lfsFile, mistake, REPO, useHub } from './test-hub.ts';

const hub = useHub();
const FILES = {
  'README.md': gitFile('readme', 1_000),
  'data/train.json': lfsFile('train', 200_000),
  'data/test set #1.json': lfsFile('test', 70_000),
  'data/copy of test.json': lfsFile('test', 70_000),
  empty: gitFile('empty', 0),
};

function serve(files = FILES): void {
  hub.server.repos['datasets/owner/rows'] = { commit: COMMIT, files };
}

/** Answers the first requests for content with these, later ones well. */
function misbehave(...faults: Fault[]): void {
  const queue = [...faults];
  hub.server.fault = (kind) => (kind === 'content' ? queue.shift() : undefined);
}

function inCache(...parts: string[]): string {
  return path.join(hub.cacheDir, 'datasets--owner--rows', ...parts);
}

const rangesAsked = () =>
  hub.server
    .contentRequests()
    .filter(({ host }) => host === 'storage')
    .map(({ range }) => range);

it('fetches all files of a branch into the layout of the cache, and later asks only for its commit', async () => {
  serve();
  const repo = await resolveRepo({ type: 'dataset', id: 'owner/rows', revision: 'main' }, hub.settings);
  expect(repo).toEqual(REPO);
  const listed = await listRepoFiles(repo, hub.settings);
  expect(listed.map(({ path, size, etag }) => [path, size, etag])).toEqual(
    Object.entries(FILES).map(([name, file]) => [name, file.content.length, etagOf(file)]),
  );
  const seen: [number, number][] = [];
  const names = Object.keys(FILES);
  const paths = await fetchFiles(repo, names, hub.settings, { onProgress: (...each) => seen.push(each) });

  names.forEach((name, index) => {
    expect(readFileSync(paths[index] as string).equals(FILES[name as keyof typeof FILES].content)).toBe(true);
    expect(paths[index]).toBe(inCache('snapshots', COMMIT, name));
  });
  expect(readlinkSync(paths[1] as string)).toBe(`../../../blobs/${etagOf(FILES['data/train.json'])}`);
  expect(readFileSync(inCache('refs/main'), 'utf8')).toBe(COMMIT);
  expect(readdirSync(inCache('blobs')).sort()).toEqual([...new Set(Object.values(FILES).map(etagOf))].sort());
  expect(seen.at(-1)).toEqual([271_000, 271_000]);
  // Two files with the same content are fetched once, and an empty one not at all.
  expect(rangesAsked()).toHaveLength(2);

  hub.server.log.length = 0;
  await resolveRepo({ type: 'dataset', id: 'owner/rows', revision: 'main' }, hub.settings);
  await listRepoFiles(repo, hub.settings);
  expect(await fetchFiles(repo, names, hub.settings)).toEqual(paths);
  expect(hub.server.log.map((request) => request.path.split('?')[0])).toEqual([
    '/api/datasets/owner/rows/revision/main',
  ]);
});

it('needs no request for files of a commit that are linked in the cache, without a list of all', async () => {
  serve();
  const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings);
  rmSync(inCache('trees'), { recursive: true });
  hub.server.log.length = 0;
  expect(await fetchFiles(REPO, ['data/train.json'], hub.settings)).toEqual([file]);
  expect(hub.server.log).toEqual([]);
});

it('finds the files of models too, which have other addresses', async () => {
  hub.server.repos['models/owner/judge'] = {
    commit: COMMIT,
    files: { 'model.safetensors': lfsFile('weights', 5_000) },
  };
  const repo = await resolveRepo({ type: 'model', id: 'owner/judge', revision: 'main' }, hub.settings);
  const [file] = await fetchFiles(repo, ['model.safetensors'], hub.settings);
  expect(file).toBe(path.join(hub.cacheDir, 'models--owner--judge/snapshots', COMMIT, 'model.safetensors'));
  expect(readFileSync(file as string).equals(bytes('weights', 5_000))).toBe(true);
});

it('goes on where the connection broke, with the same version of the file', async () => {
  serve();
  misbehave('drop', 'drop');
  const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings);
  expect(readFileSync(file as string).equals(FILES['data/train.json'].content)).toBe(true);
  const requests = hub.server.contentRequests().filter(({ host }) => host === 'storage');
  const [first, second = 0, third = 0] = requests.map(({ range }) =>
    range ? Number(range.slice(6, -1)) : undefined,
  );
  expect(first).toBe(undefined);
  expect(second).toBeGreaterThan(0);
  expect(third).toBeGreaterThan(second);
  expect(requests.map(({ ifRange }) => ifRange)).toEqual([
    undefined,
    expect.any(String),
    requests[1]?.ifRange,
  ]);
});

it.each(['whole', 'other-part', 'other-version', 'swapped'] as const)(
  'starts again where the rest can not be had (%s)',
  async (fault) => {
    serve();
    misbehave('drop', fault);
    const seen: number[] = [];
    const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings, {
      onProgress: (done) => seen.push(done),
    });
    expect(readFileSync(file as string).equals(FILES['data/train.json'].content)).toBe(true);
    expect(rangesAsked()[1]).toMatch(/^bytes=\d+-$/);
    expect(seen.slice(1).some((done, index) => done < (seen[index] as number))).toBe(true);
    expect(seen.at(-1)).toBe(200_000);
  },
);

it.each(['0', new Date(Date.now() - 60_000).toUTCString()])(
  'waits as it is told by Retry-After: %s',
  async (wait) => {
    serve();
    hub.server.retryAfter = () => wait;
    misbehave('429', '503', '500', 'reset', 'mute');
    await fetchFiles(REPO, ['data/train.json'], hub.settings);
    expect(rangesAsked()).toHaveLength(6);
  },
);

it('waits a second before it asks again when Retry-After says so', async () => {
  serve();
  hub.server.retryAfter = () => '1';
  misbehave('429');
  const started = Date.now();
  await fetchFiles(REPO, ['data/train.json'], hub.settings);
  expect(Date.now() - started).toBeGreaterThanOrEqual(1_000);
});

it('does not wait for a hub that asks for hours', async () => {
  serve();
  hub.server.retryAfter = () => '86400';
  misbehave('429');
  expect((await mistake(fetchFiles(REPO, ['data/train.json'], hub.settings))).problem).toContain('24 h');
});

it('takes nothing that is not whole: what an earlier run left may be wrong', async () => {
  serve();
  const { content } = FILES['data/train.json'];
  const partial = inCache('blobs', `${etagOf(FILES['data/train.json'])}.prometheus.incomplete`);
  mkdirSync(path.dirname(partial), { recursive: true });
  for (const left of [Buffer.alloc(50_000), Buffer.alloc(200_000), Buffer.alloc(200_001), content]) {
    rmSync(inCache('snapshots'), { recursive: true, force: true });
    rmSync(inCache('blobs', etagOf(FILES['data/train.json'])), { force: true });
    writeFileSync(partial, left);
    const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings);
    expect(readFileSync(file as string).equals(content)).toBe(true);
    expect(existsSync(partial)).toBe(false);
  }
  // Two wrong starts cost a request for the rest and one for all, one of the right size only the latter; the whole
  // file costs none.
  expect(rangesAsked()).toEqual(['bytes=50000-', undefined, undefined, undefined]);
});

it('fetches a damaged file again, and says so offline', async () => {
  serve();
  const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings);
  const damaged = Buffer.from(FILES['data/train.json'].content);
  damaged[100_000] = 1 ^ (damaged[100_000] as number);
  writeFileSync(file as string, damaged);
  const offline = { ...hub.settings, offline: 'HF_HUB_OFFLINE' as const };
  const error = await mistake(fetchFiles(REPO, ['data/train.json'], offline));
  expect(error.problem).toContain('an intact data/train.json of the dataset owner/rows');
  await fetchFiles(REPO, ['data/train.json'], hub.settings);
  expect(readFileSync(file as string).equals(FILES['data/train.json'].content)).toBe(true);
  expect(await fetchFiles(REPO, ['data/train.json'], offline)).toEqual([file]);
});

it('stops when asked to, keeps what has come, and goes on with it', async () => {
  serve();
  hub.server.pace = { bytes: 10_000, pause: 20 };
  misbehave('slow', 'slow');
  const controller = new AbortController();
  const reason = new Error('enough');
  const work = fetchFiles(REPO, ['data/train.json', 'data/test set #1.json'], hub.settings, {
    signal: controller.signal,
    onProgress: (done) => {
      if (done >= 40_000) controller.abort(reason);
    },
  });
  await expect(work).rejects.toBe(reason);
  expect(readdirSync(inCache('blobs')).filter((name) => !name.endsWith('.prometheus.incomplete'))).toEqual(
    [],
  );
  const [file] = await fetchFiles(REPO, ['data/train.json'], hub.settings);
  expect(readFileSync(file as string).equals(FILES['data/train.json'].content)).toBe(true);
  expect(rangesAsked().at(-1)).toMatch(/^bytes=\d+-$/);
});

it.each(['api', 'waiting for a repetition', 'mute'])('stops at once in every wait (%s)', async (where) => {
  serve();
  hub.server.fault = (kind) =>
    where === 'api' ? 'mute' : kind === 'content' ? (where === 'mute' ? 'mute' : '500') : undefined;
  const controller = new AbortController();
  const patient = { ...hub.settings, metadataTimeout: 60_000, downloadTimeout: 60_000, retryDelay: 60_000 };
  const work = fetchFiles(REPO, ['data/train.json'], patient, { signal: controller.signal });
  const ended = expect(work).rejects.toThrow('enough');
  await sleep(200);
  const aborted = Date.now();
  controller.abort(new Error('enough'));
  await ended;
  expect(Date.now() - aborted).toBeLessThan(2_000);
});

it('refuses paths that lead out of the repository, from the caller and from the hub', async () => {
  serve();
  await fetchFiles(REPO, ['data/train.json'], hub.settings);
  rmSync(inCache('trees'), { recursive: true });
  for (const name of ['../../escaped', '/etc/passwd', 'data/../../x', 'a//b', 'a\0b', '']) {
    await mistake(fetchFiles(REPO, [name], hub.settings));
  }
  serve({ ...FILES, '../../../escaped': gitFile('escaped', 10) } as typeof FILES);
  expect((await mistake(listRepoFiles(REPO, hub.settings))).problem).toContain('"../../../escaped"');
  for (const id of ['../x', 'a/b/c', 'a--b', '.a', 'a/b.git', 'a b', '']) {
    await mistake(resolveRepo({ type: 'dataset', id, revision: 'main' }, hub.settings));
  }
  await mistake(resolveRepo({ type: 'dataset', id: 'owner/rows', revision: '../x' }, hub.settings));
});

it('names what is missing offline, the variable and the way out', async () => {
  serve();
  const offline = { ...hub.settings, offline: 'HF_HUB_OFFLINE' as const };
  const reference = { type: 'dataset', id: 'owner/rows', revision: 'main' } as const;
  for (const work of [
    () => resolveRepo(reference, offline),
    () => listRepoFiles(REPO, offline),
    () => fetchFiles(REPO, ['data/train.json'], offline),
  ]) {
    const { problem, hint } = await mistake(work());
    expect(problem).toContain('owner/rows');
    expect(problem).toContain('HF_HUB_OFFLINE');
    expect(hint).toContain('HF_HUB_OFFLINE unset');
  }
  await resolveRepo(reference, hub.settings);
  await listRepoFiles(REPO, hub.settings);
  hub.server.log.length = 0;
  expect(await resolveRepo(reference, offline)).toEqual(REPO);
  expect(await listRepoFiles(REPO, offline)).toHaveLength(5);
  expect((await mistake(fetchFiles(REPO, ['data/train.json'], offline))).problem).toContain(
    'data/train.json',
  );
  expect(hub.server.log).toEqual([]);
});

it('says how much is to be fetched when the disk is too small', async () => {
  serve();
  const tree = inCache('trees', `${COMMIT}.json`);
  mkdirSync(path.dirname(tree), { recursive: true });
  const entry = { size: 10 ** 15, blob_id: 'a'.repeat(40) };
  writeFileSync(tree, JSON.stringify({ format_version: 1, files: { 'large.json': entry } }));
  expect((await mistake(fetchFiles(REPO, ['large.json'], hub.settings))).problem).toMatch(
    /^1000 TB are to be fetched/,
  );
});

it('says which folder can not be written', async () => {
  serve();
  const file = path.join(hub.cacheDir, 'file');
  writeFileSync(file, '');
  expect(
    (await mistake(fetchFiles(REPO, ['README.md'], { ...hub.settings, cacheDir: file }))).problem,
  ).toContain(file);
});
