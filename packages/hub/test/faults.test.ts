import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { fetchFiles, listRepoFiles, resolveRepo } from '../src/index.ts';
import { API_FAULTS, CONTENT_FAULTS, etagOf, type Fault, HubServer, type ServedFile } from './hub-server.ts';
import { bytes, lfsFile, mistake, REPO, useHub } from './test-hub.ts';

const hub = useHub();
const FAULTS = 200;
const FILES_A_ROUND = 5;

/** mulberry32: the same numbers from 0 to 1 for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Up to three faults, the same for the same name whenever it is asked for. */
function plan(kind: 'content' | 'api', name: string): Fault[] {
  const random = randomNumbers(bytes(name, 4).readInt32LE());
  const faults = kind === 'api' ? API_FAULTS : CONTENT_FAULTS;
  return Array.from(
    { length: Math.floor(random() * 4) },
    () => faults[Math.floor(random() * faults.length)] as Fault,
  );
}

it(`accepts no wrong byte and ends whole through ${FAULTS} random faults that pass`, async () => {
  const random = randomNumbers(20_240_501);
  const met = new Map<Fault, number>();
  let wrong = 0;
  const settings = { ...hub.settings, metadataTimeout: 250, downloadTimeout: 250 };
  for (let round = 0, faults = 0; faults < FAULTS; round += 1) {
    const commit = round.toString(16).padStart(40, '0');
    const files: Record<string, ServedFile> = {};
    for (let index = 0; index < FILES_A_ROUND; index += 1) {
      const size = Math.floor(random() ** 3 * 400_000) + 1;
      files[`part ${index}.bin`] = { content: bytes(`${round} ${index}`, size), lfs: random() < 0.5 };
    }
    hub.server.repos['datasets/owner/rows'] = { commit, files };
    // Every file meets up to three faults one after the other, and so does the API; then all is well.
    const ahead = new Map<string, Fault[]>();
    hub.server.fault = (kind, name) => {
      const planned = ahead.get(name) ?? plan(kind, `${round} ${name}`);
      ahead.set(name, planned);
      const fault = planned.shift();
      if (fault) {
        faults += 1;
        met.set(fault, (met.get(fault) ?? 0) + 1);
      }
      return fault;
    };
    const repo = await resolveRepo({ type: 'dataset', id: 'owner/rows', revision: 'main' }, settings);
    expect(repo.commit).toBe(commit);
    const listed = (await listRepoFiles(repo, settings)).map((file) => file.path);
    expect(listed).toEqual(Object.keys(files));
    const paths = await fetchFiles(repo, listed, settings);
    paths.forEach((file, index) => {
      if (!readFileSync(file).equals((files[listed[index] as string] as ServedFile).content)) wrong += 1;
    });
  }
  console.log(
    `faults met: ${[...met].map(([fault, times]) => `${fault} ${times}`).join(', ')}; wrong files: ${wrong}`,
  );
  expect(wrong).toBe(0);
  expect([...met.keys()].sort()).toEqual([...new Set([...API_FAULTS, ...CONTENT_FAULTS])].sort());
  const blobs = readdirSync(path.join(hub.cacheDir, 'datasets--owner--rows/blobs'));
  expect(blobs.filter((name) => name.includes('incomplete'))).toEqual([]);
}, 120_000);

// What a client can cope with for ever: it asks for no part, takes its time, packs, or has no lasting name for it.
// Or half of what is missing comes each time, which is progress.
const HARMLESS: Fault[] = [
  'slow',
  'whole',
  'other-part',
  'other-version',
  'swapped',
  'packed',
  'drop',
  'unannounced',
  'stall',
];

it.each(CONTENT_FAULTS)('ends whole, or clearly without the file, where %s never passes', async (fault) => {
  const file = lfsFile('permanent', 100_000);
  hub.server.repos['datasets/owner/rows'] = { commit: REPO.commit, files: { 'a.bin': file } };
  hub.server.fault = (kind) => (kind === 'content' ? fault : undefined);
  const settings = { ...hub.settings, downloadTimeout: 100 };
  const work = fetchFiles(REPO, ['a.bin'], settings);
  if (HARMLESS.includes(fault)) {
    expect(readFileSync((await work)[0] as string).equals(file.content)).toBe(true);
    return;
  }
  const { problem } = await mistake(work);
  expect(problem).toMatch(/a\.bin of the dataset owner\/rows (failed 6|came 3) times/);
  if (fault === 'mute') expect(problem).toContain('no byte came for 0.1 s');
  expect(existsSync(path.join(hub.cacheDir, 'datasets--owner--rows/blobs', etagOf(file)))).toBe(false);
  expect(existsSync(path.join(hub.cacheDir, 'datasets--owner--rows/snapshots'))).toBe(false);
});

it('gives up where the same part comes again and again', async () => {
  const file = lfsFile('same part', 300_000);
  hub.server.repos['datasets/owner/rows'] = { commit: REPO.commit, files: { 'a.bin': file } };
  // The server cuts the whole at the same place each time: no range, so never further than before.
  let requests = 0;
  hub.server.fault = (kind) => {
    if (kind === 'content') requests += 1;
    return kind === 'content' ? 'whole-cut' : undefined;
  };
  expect((await mistake(fetchFiles(REPO, ['a.bin'], hub.settings))).problem).toContain('failed 6 times');
  expect(requests).toBeLessThan(20);
});

it.each(API_FAULTS)('ends clearly where %s of the API never passes', async (fault) => {
  hub.server.repos['datasets/owner/rows'] = { commit: REPO.commit, files: {} };
  hub.server.fault = (kind) => (kind === 'api' ? fault : undefined);
  const settings = { ...hub.settings, metadataTimeout: 100 };
  const reference = { type: 'dataset', id: 'owner/rows', revision: 'main' } as const;
  expect((await mistake(resolveRepo(reference, settings))).problem).toContain('owner/rows failed 6 times');
  expect((await mistake(listRepoFiles(REPO, settings))).problem).toContain('owner/rows failed 6 times');
});

it('ends clearly where no hub is', async () => {
  const reference = { type: 'dataset', id: 'owner/rows', revision: 'main' } as const;
  const other = new HubServer();
  await other.start();
  const nowhere = { ...hub.settings, endpoint: other.endpoint };
  await other.stop();
  const error = await mistake(resolveRepo(reference, nowhere));
  expect(error.problem).toContain('ECONNREFUSED');
  expect(error.hint).toContain('HF_ENDPOINT');
});
