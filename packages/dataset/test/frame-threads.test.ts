import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ConfigurationError } from '@prometheus-actions/stage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DatasetSettings, type PrepareOptions, prepareDataset } from '../src/index.ts';
import { LaneWorker } from '../src/lane-worker.ts';
import { RowFiles } from '../src/row-files.ts';
import { RowIndex } from '../src/row-index.ts';
import { ShardPlaces, WritingStopped } from '../src/shard-places.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'frame-threads-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Batches are of 1,000 rows: enough of them for more than one thread. */
const ROWS = 21_500;

/** JSON Lines; rows that `broken` numbers are not noticed before they are written. */
function source(name: string, broken: readonly number[] = []): string {
  const path = join(folder, name);
  const lines = Array.from({ length: ROWS }, (_, i) =>
    JSON.stringify({
      q: `question ${i} ${'é😀"\n'.repeat(i % 7)}`,
      a: broken.includes(i) ? '\ud800' : `Feedback ${i}. [RESULT] ${i % 31}`,
      orig_instruction: i % 11 === 0 ? null : `instruction ${i % 1000}`,
      n: i % 3 === 0 ? null : i,
    }),
  );
  const text = Buffer.from(lines.join('\n'));
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

let runs = 0;

function prepare(file: string, options: PrepareOptions, changes: Partial<DatasetSettings> = {}) {
  const output = join(folder, `out-${runs++}`);
  const settings: DatasetSettings = {
    source: { files: [file] },
    columns: { user: 'q', assistant: 'a' },
    split: { test_size: 0.1, seed: 42 },
    ...changes,
  };
  return { output, prepared: prepareDataset(settings, output, options) };
}

function digests(output: string): string[] {
  return ['train', 'test'].flatMap((part) =>
    (existsSync(join(output, part)) ? readdirSync(join(output, part)) : []).map((name) => {
      const bytes = readFileSync(join(output, part, name));
      return `${part}/${name} ${createHash('sha256').update(bytes).digest('hex')}`;
    }),
  );
}

describe('preparing data in several threads', () => {
  it.each([
    ['a plain file', 'rows.jsonl'],
    ['a file that is decompressed first', 'rows.jsonl.gz'],
  ])('makes of %s the bytes and the report that one thread makes', async (_name, name) => {
    const file = source(name);
    const tokens = {
      counter: { count: (text: string) => text.length },
      maxLength: 40,
      templateTokens: 2,
      sampleRows: 900,
    };
    const made = [];
    for (const threads of [1, 2, 3]) {
      const { output, prepared } = prepare(file, { threads, tokens, maxShardBytes: 1 << 20 });
      const { report, train } = await prepared;
      made.push({ files: digests(output), report, train });
    }
    expect(made[0]?.train.shards.length).toBeGreaterThan(2);
    expect(made[1]).toEqual(made[0]);
    expect(made[2]).toEqual(made[0]);
  });

  it('tells the wrong row that comes first, whatever thread meets it', async () => {
    // Rows of the second, third and last batch, in the order in which they are written.
    for (const broken of [[1500], [1500, 2500], [2500, 21_499]]) {
      const file = source('broken.jsonl', broken);
      const faults = [];
      for (const threads of [1, 2, 3]) {
        const { prepared } = prepare(file, { threads }, { split: 'none' });
        const error = await prepared.catch((error: unknown) => error);
        expect(error).toBeInstanceOf(ConfigurationError);
        const { message, problem, hint, place } = error as ConfigurationError;
        faults.push({ message, problem, hint, place });
      }
      expect(faults[0]?.message).toContain(`broken.jsonl: row ${broken[0]} (from 0), byte `);
      expect(faults[0]?.message).toContain('column "a" holds half of a surrogate pair');
      expect(faults[1]).toEqual(faults[0]);
      expect(faults[2]).toEqual(faults[0]);
    }
  });

  it('stops in all threads when it is cancelled', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped on purpose');
    const { output, prepared } = prepare(
      source('rows.jsonl'),
      {
        threads: 2,
        signal: controller.signal,
        onProgress: (done, _total, unit) => unit === 'rows' && done > 5000 && controller.abort(reason),
      },
      { split: 'none' },
    );
    await expect(prepared).rejects.toBe(reason);
    const written = digests(output);
    await setTimeout(100);
    expect(digests(output)).toEqual(written);
    expect(existsSync(join(output, 'train/state.json'))).toBe(false);
  });
});

describe('LaneWorker', () => {
  it('fails its task where the thread ends before it', async () => {
    const row = '{"q": "x"}';
    const file = join(folder, 'row.json');
    writeFileSync(file, row);
    const index = new RowIndex();
    index.beginSource({ path: file });
    index.add(0, row.length);
    const worker = new LaneWorker(
      {
        columns: [{ name: 'q', type: 'string', kept: true }],
        messages: { systemPrompt: undefined, user: 0, assistant: 0 },
        withRowNumbers: false,
        maxShardBytes: 1000,
        repeatColumns: [],
        sampleRows: 0,
      },
      index,
      new RowFiles(index.sources),
    );
    // The second batch waits for the first, which nobody makes.
    const places = new ShardPlaces(1000);
    expect(places.claim()).toBe(0);
    const task = { folder, order: Uint32Array.of(0, 0), ends: Uint32Array.of(1, 2), places: places.shared };
    const failed = expect(worker.run(task, () => {})).rejects.toThrow('the thread ended before its task');
    await setTimeout(100);
    await worker.terminate();
    await failed;
  });
});

describe('ShardPlaces', () => {
  it('gives places in the order of the batches, and a shard where the last one is full', async () => {
    const places = new ShardPlaces(100);
    const others = new ShardPlaces(100, places.shared);
    const given: unknown[] = [];
    const take = async (from: ShardPlaces, batch: number, bytes: number) => {
      await from.turnOf(batch);
      given.push([batch, from.take(bytes, 10)]);
      from.pass(batch);
    };
    await Promise.all([take(others, 3, 200), take(places, 2, 50), take(others, 1, 40), take(places, 0, 42)]);
    expect(given).toEqual([
      [0, { shard: 0, offset: 0 }],
      [1, { shard: 0, offset: 52 }],
      [2, { shard: 1, offset: 0 }],
      [3, { shard: 2, offset: 0 }],
    ]);
  });

  it('ends every wait when it is stopped, for good', async () => {
    const places = new ShardPlaces(100);
    const waiting = places.turnOf(1);
    places.stop();
    await expect(waiting).rejects.toThrow(WritingStopped);
    places.pass(0);
    await expect(places.turnOf(0)).rejects.toThrow(WritingStopped);
  });
});
