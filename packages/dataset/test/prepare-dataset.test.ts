import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Table, tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DatasetSettings,
  type PreparedDataset,
  type PrepareOptions,
  prepareDataset,
} from '../src/index.ts';
import { fault } from './fault.ts';

let folder: string;
let output: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepare-dataset-'));
  output = join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true }));

function source(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function settings(files: string[], changes: Partial<DatasetSettings> = {}): DatasetSettings {
  return { source: { files }, columns: { user: 'q', assistant: 'a' }, split: 'none', ...changes };
}

async function prepareRows(
  rows: unknown[],
  changes: Partial<DatasetSettings> = {},
  options: PrepareOptions = {},
): Promise<PreparedDataset> {
  return prepareDataset(settings([source('rows.json', JSON.stringify(rows))], changes), output, options);
}

function table(part: 'train' | 'test'): Table {
  const shards = readdirSync(join(output, part)).filter((name) => name.endsWith('.arrow'));
  return tableFromIPC(readFileSync(join(output, part, shards[0] as string)));
}

function rowsOf(part: 'train' | 'test'): unknown[] {
  return table(part)
    .toArray()
    .map((row) =>
      JSON.parse(JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? Number(value) : value))),
    );
}

function manyRows(count: number): { q: string; a: string; orig_instruction: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    q: `question ${i} ${'é😀'.repeat(i % 7)}`,
    a: `Feedback ${i}. [RESULT] ${(i % 5) + 1}`,
    orig_instruction: `instruction ${i % 10}`,
  }));
}

describe('prepareDataset', () => {
  it('adds messages, content before role, with the system prompt before the user text', async () => {
    await prepareRows([{ q: 'ask', a: 'answer', n: null }], { system_prompt: 'Be fair.' });
    expect(table('train').schema.fields.map(String)).toEqual([
      'q: Utf8',
      'a: Utf8',
      'n: Null',
      'messages: List<Struct<{content:Utf8, role:Utf8}>>',
    ]);
    expect(rowsOf('train')).toEqual([
      {
        q: 'ask',
        a: 'answer',
        n: null,
        messages: [
          { content: 'Be fair.\n\nask', role: 'user' },
          { content: 'answer', role: 'assistant' },
        ],
      },
    ]);
  });

  it('leaves the user text as it is without a system prompt', async () => {
    await prepareRows([{ q: 'ask', a: '' }]);
    expect(rowsOf('train')).toMatchObject([{ messages: [{ content: 'ask' }, { content: '' }] }]);
  });

  it('keeps rows in the order of the split, with the original row last', async () => {
    const rows = manyRows(10);
    const prepared = await prepareRows(rows, { split: { test_size: 3, seed: 42 } });
    const original = (part: 'train' | 'test') =>
      [...(table(part).getChild('__index_level_0__') ?? [])].map(Number);
    expect(original('test')).toEqual([8, 1, 5]);
    expect(original('train')).toEqual([0, 7, 2, 9, 4, 3, 6]);
    expect([...(table('train').getChild('q') ?? [])]).toEqual(
      [0, 7, 2, 9, 4, 3, 6].map((row) => rows[row]?.q),
    );
    expect(table('train').schema.names.at(-1)).toBe('__index_level_0__');
    expect([prepared.train.rows, prepared.test?.rows]).toEqual([7, 3]);
  });

  it('keeps integers of 64 bits, fractions, booleans and nulls', async () => {
    const path = source(
      'rows.json',
      `[{"q": "", "a": "", "i": 9223372036854775807, "f": 1, "b": true, "constructor": "c"},
        {"q": "", "a": "", "i": -0, "f": -0.0, "b": null},
        {"q": "", "a": "", "i": 9007199254740993, "f": 1e999, "b": false, "late": "x"},
        {"q": "", "a": "", "i": null, "f": null, "constructor": null}]`,
    );
    await prepareDataset(settings([path]), output);
    const column = (name: string) => [...(table('train').getChild(name) ?? [])];
    expect(column('i')).toEqual([9223372036854775807n, 0n, 9007199254740993n, null]);
    expect(column('f')).toEqual([1, -0, Number.POSITIVE_INFINITY, null]);
    expect(column('b')).toEqual([true, null, false, null]);
    expect(column('constructor')).toEqual(['c', null, null, null]);
    expect(column('late')).toEqual([null, null, 'x', null]);
  });

  it('keeps text with escapes, emoji and line separators to the byte', async () => {
    const texts = ['\u2028\u2029', '😀', '\u0000', '\\"/\b\f\n\r\t', 'é', '日本', '\uffff'];
    await prepareRows(texts.map((q) => ({ q, a: 'a' })));
    expect([...(table('train').getChild('q') ?? [])]).toEqual(texts);
  });

  it('concatenates files, in their order', async () => {
    const files = ['z', 'x', 'y'].map((name) =>
      source(`${name}.json`, JSON.stringify([{ q: name, a: '', [name]: 'only here' }])),
    );
    await prepareDataset(settings(files), output);
    expect(table('train').schema.names).toEqual(['q', 'a', 'z', 'x', 'y', 'messages']);
    expect([...(table('train').getChild('q') ?? [])]).toEqual(['z', 'x', 'y']);
    expect([...(table('train').getChild('x') ?? [])]).toEqual([null, 'only here', null]);
  });

  it('writes shards below the limit that hold all rows in order', async () => {
    const rows = manyRows(5000);
    const maxShardBytes = 300_000;
    const prepared = await prepareRows(rows, { split: { test_size: 1, seed: 0 } }, { maxShardBytes });
    expect(prepared.train.shards.length).toBeGreaterThan(3);
    const count = String(prepared.train.shards.length).padStart(5, '0');
    expect(prepared.train.shards).toEqual(
      prepared.train.shards.map((_, k) => `data-${String(k).padStart(5, '0')}-of-${count}.arrow`),
    );
    const files = prepared.train.shards.map((name) => readFileSync(join(output, 'train', name)));
    for (const file of files) expect(file.length).toBeLessThanOrEqual(maxShardBytes);
    expect(files.reduce((sum, file) => sum + file.length, 0)).toBe(prepared.train.bytes);
    const tables = files.map((file) => tableFromIPC(file));
    const original = tables.flatMap((shard) => [...(shard.getChild('__index_level_0__') ?? [])].map(Number));
    const texts = tables.flatMap((shard) => [...(shard.getChild('q') ?? [])] as string[]);
    expect(original).toHaveLength(4999);
    expect(texts).toEqual(original.map((row) => rows[row]?.q));
    expect(readdirSync(join(output, 'train')).sort()).toEqual(
      [...prepared.train.shards, 'dataset_info.json', 'state.json'].sort(),
    );
  });

  it('makes the same bytes from the same rows, and another fingerprint from others', async () => {
    const digestOf = async (rows: unknown[]) => {
      await prepareRows(rows, { split: { test_size: 0.1, seed: 7 } });
      const digests = (part: string) =>
        readdirSync(join(output, part)).map((name) => [
          name,
          createHash('sha256')
            .update(readFileSync(join(output, part, name)))
            .digest('hex'),
        ]);
      const { _fingerprint } = JSON.parse(readFileSync(join(output, 'train', 'state.json'), 'utf8')) as {
        _fingerprint: string;
      };
      const found = { files: [digests('train'), digests('test')], fingerprint: _fingerprint };
      rmSync(output, { recursive: true });
      return found;
    };
    const rows = manyRows(2500);
    const first = await digestOf(rows);
    expect(await digestOf(rows)).toEqual(first);
    expect(first.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    const changed = rows.map((row, i) => (i === 1234 ? { ...row, a: row.a.replace('F', 'f') } : row));
    expect((await digestOf(changed)).fingerprint).not.toBe(first.fingerprint);
  });

  it('reports lengths, verdicts and instructions that train and test share', async () => {
    const rows = [
      { q: '😀é', a: 'x [RESULT] 5', orig_instruction: 'same' },
      { q: 'b', a: 'no verdict', orig_instruction: 'same' },
      { q: 'c', a: '[RESULT] 1 [RESULT]\nA ', orig_instruction: 'same' },
      { q: 'c', a: '[RESULT] a long story', orig_instruction: 'other' },
    ];
    const { report } = await prepareRows(rows, { system_prompt: '😀', split: { test_size: 1, seed: 0 } });
    const whole = [report.train, report.test];
    expect(whole.reduce((sum, part) => sum + (part?.characters.user.total ?? 0), 0)).toBe(5 + 4 * 3);
    expect(whole.map((part) => part?.verdicts)).toEqual([{ 5: 1, none: 1, other: 1 }, { A: 1 }]);
    expect(report.repeats).toEqual({
      q: { train_distinct: 3, test_distinct: 1, test_rows_in_train: 1 },
      orig_instruction: { train_distinct: 2, test_distinct: 1, test_rows_in_train: 1 },
    });
    expect(report.train.characters.assistant).toMatchObject({ total: 12 + 10 + 21, mean: 43 / 3, max: 21 });
  });

  it('tells how far it is, in bytes and then in rows', async () => {
    const seen: [number, number, string][] = [];
    await prepareRows(manyRows(3000), {}, { onProgress: (...step) => seen.push(step) });
    const bytes = seen.filter(([, , unit]) => unit === 'bytes');
    const rows = seen.filter(([, , unit]) => unit === 'rows');
    expect(seen).toEqual([...bytes, ...rows]);
    expect(bytes.at(-1)?.[0]).toBe(bytes.at(-1)?.[1]);
    expect(rows.map(([done]) => done)).toEqual([1000, 2000, 3000]);
    expect(new Set(rows.map(([, total]) => total))).toEqual(new Set([3000]));
  });

  it.each(['bytes', 'rows'])('stops while it counts %s', async (at) => {
    const controller = new AbortController();
    const reason = new Error('stopped on purpose');
    const run = prepareRows(
      manyRows(5000),
      {},
      {
        signal: controller.signal,
        onProgress: (_done, _total, unit) => unit === at && controller.abort(reason),
      },
    );
    await expect(run).rejects.toBe(reason);
    expect(readdirSync(output).flatMap((part) => readdirSync(join(output, part)))).not.toContain(
      'state.json',
    );
  });

  it('refuses an output folder that holds something', async () => {
    mkdirSync(output);
    writeFileSync(join(output, 'precious'), '');
    await expect(prepareRows(manyRows(2))).rejects.toThrow(/not empty/);
  });

  it.each([
    [
      'a control character',
      '[{"q": "x\n", "a": ""}]',
      /rows\.json: row 0 \(from 0\), byte 9: Bad control character/,
    ],
    [
      'a bad escape',
      '[{"q": "ok", "a": ""},\n {"q": "é\\x", "a": ""}]',
      /row 1 \(from 0\), byte 34: Bad escaped character/,
    ],
    ['a bad unicode escape', '[{"q": "\\u12g4", "a": ""}]', /row 0 .*Bad Unicode escape/],
    [
      'half a surrogate pair',
      '[{"q": "x", "a": "\\ud83d"}]',
      /row 0 .*column "a" holds half of a surrogate pair/,
    ],
    [
      'a half in a column that is not trained on',
      '[{"q": "x", "a": "x", "b": "\\ude00"}]',
      /row 0 .*column "b" holds half/,
    ],
  ])('refuses %s', async (_name, content, expected) => {
    expect(await fault(prepareDataset(settings([source('rows.json', content)]), output))).toMatch(expected);
  });

  it.each([
    ['json', '[', ','],
    ['jsonl', '', ''],
  ])(
    'names the row, the byte and what to do for a comma that is missing in row 123,456 of a %s file',
    async (kind, start, comma) => {
      const row = (i: number) => `{"q": "ask ${i}"${i === 123_456 ? '' : ','} "a": "x"}`;
      const text = start + Array.from({ length: 130_000 }, (_, i) => row(i)).join(`${comma}\n`);
      const byte = text.indexOf('123456"') + 8;
      const run = prepareDataset(settings([source(`rows.${kind}`, text + (start && ']'))]), output);
      expect(await fault(run)).toContain(
        `rows.${kind}: row 123456 (from 0), byte ${byte}: found "\\"a\\": \\"x\\"}`,
      );
    },
  );

  it('names the row within its file', async () => {
    const files = [
      source('1.json', '[{"q": "", "a": ""}]'),
      source('2.json', '[{"q": "", "a": ""}, {"q": "\\ud800", "a": ""}]'),
    ];
    expect(await fault(prepareDataset(settings(files), output))).toMatch(
      /2\.json: row 1 \(from 0\), byte 21:/,
    );
  });

  it('refuses a system prompt that has no UTF-8 form', async () => {
    expect(await fault(prepareRows(manyRows(2), { system_prompt: '\ud800' }))).toMatch(
      /system_prompt holds half/,
    );
  });

  it('refuses settings of the split before it reads', async () => {
    const run = prepareDataset(settings(['/nowhere.json'], { split: { test_size: 2.5, seed: 1 } }), output);
    expect(await fault(run)).toMatch(/split\.test_size is 2\.5/);
  });

  it('reads a hundred files, more than it keeps open', async () => {
    const files = Array.from({ length: 100 }, (_, i) =>
      source(`${i}.json`, JSON.stringify([{ q: `${i}`, a: '' }])),
    );
    await prepareDataset(settings(files, { split: { test_size: 10, seed: 3 } }), output);
    const seen = [...(table('train').getChild('q') ?? []), ...(table('test').getChild('q') ?? [])].map(
      Number,
    );
    expect(seen.sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
  });

  it('reads rows longer than a window and a batch', async () => {
    const long = `${'long é'.repeat(2_000_000)}"\\`;
    await prepareRows([
      { q: 'short', a: '' },
      { q: long, a: long },
      { q: 'short', a: '' },
    ]);
    const texts = [...(table('train').getChild('q') ?? [])];
    expect(texts.map((text: string) => text.length)).toEqual([5, long.length, 5]);
    expect(texts[1] === long).toBe(true);
  });
});

describe('source files', () => {
  it.each<[string, string, string | Buffer, RegExp]>([
    ['zip', 'x.json', 'PK\x03\x04....', /compressed with zip\n.*gzip and zstd are read/],
    ['an encrypted Parquet file', 'x.parquet', 'PARE....', /Parquet file is encrypted/],
    [
      'a pointer for Parquet',
      'x.parquet',
      'version https://git-lfs',
      /does not start as Parquet does: found "version "/,
    ],
    ['a Parquet file of four bytes', 'x.parquet', 'PAR1', /no Parquet footer at the end of 4 bytes/],
    [
      'a Parquet file cut off',
      'x.parquet',
      `PAR1${'x'.repeat(100)}`,
      /no Parquet footer at the end of 104 bytes/,
    ],
  ])('refuse %s', async (_name, file, content, expected) => {
    expect(await fault(prepareDataset(settings([source(file, content)]), output))).toMatch(expected);
  });

  it('refuse a missing file, a folder, and no file', async () => {
    expect(await fault(prepareDataset(settings([join(folder, 'none.json')]), output))).toMatch(
      /none\.json: the file does not exist/,
    );
    expect(await fault(prepareDataset(settings([folder]), output))).toMatch(/found a folder/);
    expect(await fault(prepareDataset(settings([]), output))).toMatch(/lists no files/);
  });
});
