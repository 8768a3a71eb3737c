import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatasetSettings, prepareDataset, sourceFiles } from '../src/index.ts';
import { awkwardRows } from './awkward-rows.ts';
import { fault } from './fault.ts';
import { PythonReference, sharedFile } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sources-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const columns = { user: 'instruction', assistant: 'output' };
const at = (name: string) => join(folder, name);

/** The rows in files of every kind that the stage reads; `rows.parquet` and the Arrow ones written by pyarrow and datasets. */
async function everyKind(rows: Record<string, unknown>[]): Promise<Record<string, string>> {
  const array = JSON.stringify(rows);
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  const half = Buffer.byteLength(lines) >> 1;
  const bytes = Buffer.from(lines);
  writeFileSync(at('rows.json'), array);
  writeFileSync(at('rows.jsonl'), `${lines}\n`);
  writeFileSync(at('crlf.jsonl'), `\n${lines.replaceAll('\n', '\r\n\n')}`);
  writeFileSync(at('rows.json.gz'), gzipSync(array));
  // Two members, as `cat a.gz b.gz` makes them.
  writeFileSync(
    at('rows.jsonl.gz'),
    Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]),
  );
  writeFileSync(at('rows.json.zst'), zstdCompressSync(array));
  writeFileSync(
    at('rows.jsonl.zst'),
    Buffer.concat([
      zstdCompressSync(bytes.subarray(0, half)),
      Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), // a frame to skip
      zstdCompressSync(bytes.subarray(half)),
    ]),
  );
  await reference.run('write_arrow', { rows, folder });
  return {
    'JSON array': at('rows.json'),
    'JSON Lines': at('rows.jsonl'),
    'JSON Lines with blank lines and CRLF': at('crlf.jsonl'),
    'gzip of an array': at('rows.json.gz'),
    'gzip of lines, two members': at('rows.jsonl.gz'),
    'zstd of an array': at('rows.json.zst'),
    'zstd of lines, two frames': at('rows.jsonl.zst'),
    Parquet: at('rows.parquet'),
    'Arrow stream': at('rows.arrow'),
    'Arrow file': at('rows.feather'),
    'folder of save_to_disk': at('saved'),
  };
}

describe('every kind of source', () => {
  it('gives what pandas, scikit-learn and datasets give', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const rows = awkwardRows(120);
    const kinds = await everyKind(rows);
    for (const [kind, source] of Object.entries(kinds)) {
      const output = mkdtempSync(at('out-'));
      const settings = { columns, system_prompt: 'Be fair — 公平', split: { test_size: 0.1, seed: 3 } };
      await prepareDataset({ source: { files: await sourceFiles([source]) }, ...settings }, output);
      const same = await reference.run('compare', { files: [kinds['JSON array']], output, ...settings });
      expect(same, kind).toEqual({});
    }
  });

  it('can be mixed, in the order given', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const rows = awkwardRows(30);
    const kinds = Object.values(await everyKind(rows));
    writeFileSync(at('all.json'), JSON.stringify(kinds.flatMap(() => rows)));
    const settings = { columns, split: { test_size: 40, seed: 11 } };
    const output = at('out');
    await prepareDataset({ source: { files: await sourceFiles(kinds) }, ...settings }, output);
    expect(await reference.run('compare', { files: [at('all.json')], output, ...settings })).toEqual({});
  });

  it('of the samples gives the same from any format', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const sample = sharedFile(context, 'data/feedback-sample.json');
    const rows = JSON.parse(readFileSync(sample, 'utf8')) as Record<string, unknown>[];
    for (const [kind, source] of Object.entries(await everyKind(rows))) {
      const output = mkdtempSync(at('out-'));
      const settings = { columns, system_prompt: 'x', split: { test_size: 0.01, seed: 42 } };
      await prepareDataset({ source: { files: await sourceFiles([source]) }, ...settings }, output);
      expect(await reference.run('compare', { files: [sample], output, ...settings }), kind).toEqual({});
      rmSync(output, { recursive: true });
    }
  });
});

describe('half a surrogate pair, escaped in JSON', () => {
  it('is refused, as pandas and datasets refuse it, and a whole pair is not', async (context) => {
    reference.require(context);
    const settings: DatasetSettings = { source: { files: [at('rows.json')] }, columns, split: 'none' };
    writeFileSync(at('rows.json'), '[{"instruction": "\\ud83d", "output": "a"}]');
    expect(await reference.run('refusal', { files: [at('rows.json')] })).toBe('UnicodeEncodeError');
    expect(await fault(prepareDataset(settings, at('half')))).toMatch(/row 0 .*half of a surrogate pair/);
    writeFileSync(at('rows.json'), '[{"instruction": "\\ud83d\\ude00", "output": "a"}]');
    await prepareDataset(settings, at('whole'));
    const whole = { files: [at('rows.json')], output: at('whole'), columns, split: 'none' };
    expect(await reference.run('compare', whole)).toEqual({});
  });
});

describe('Arrow types', () => {
  const types = {
    instruction: 'large_string',
    output: 'dictionary',
    i8: 'int8',
    u32: 'uint32',
    i64: 'int64',
    f32: 'float32',
    f64: 'float64',
    flag: 'bool_',
    nothing: 'null',
  };

  it('of narrow numbers, long text and dictionaries become plain ones', async (context) => {
    reference.require(context);
    const rows = Array.from({ length: 40 }, (_, i) => ({
      instruction: `ask ${i}`,
      output: `same ${i % 3}`,
      i8: i === 1 ? null : i - 20,
      u32: 4294967295 - i,
      i64: 9007199254740992 - i,
      f32: i === 2 ? null : i / 2,
      f64: i / 3,
      flag: i === 9 ? null : i % 3 === 0,
      nothing: null,
    }));
    await reference.run('write_arrow', { rows, folder, types });
    for (const name of ['rows.arrow', 'rows.feather']) {
      const output = mkdtempSync(at('out-'));
      await prepareDataset({ source: { files: [at(name)] }, columns, split: 'none' }, output);
      const found = (await reference.run('rows_of', { folder: join(output, 'train') })) as {
        rows: unknown;
        features: object;
      };
      expect(found.rows).toMatchObject(rows);
      expect(found.features).toMatchObject({
        output: "Value('string')",
        u32: "Value('int64')",
        f32: "Value('float64')",
      });
    }
  });

  it.for([
    ['uint64', 1, /schema: a column is Uint64/],
    ['date32', 1, /schema: a column is Date/],
    ['binary', null, /schema: a column is Binary/],
    ['float16', 1, /schema: a column is Float16/],
  ] as const)('that a frame does not hold are refused: %s', async ([kind, value, expected], context) => {
    reference.require(context);
    const rows = [{ instruction: 'q', output: 'a', odd: value }];
    const odd = { instruction: 'string', output: 'string', odd: kind };
    await reference.run('write_arrow', { rows, folder, types: odd });
    const settings: DatasetSettings = { source: { files: [at('rows.arrow')] }, columns, split: 'none' };
    expect(await fault(prepareDataset(settings, at('out')))).toMatch(expected);
    await prepareDataset({ ...settings, keep_columns: [] }, at('kept'));
  });
});

describe('paths', () => {
  it('may be patterns and folders', async () => {
    for (const name of [
      'b.jsonl',
      'a.jsonl',
      'sub/c.parquet',
      'README.md',
      'dataset_info.json',
      '.hidden.json',
    ]) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(at(name), '');
    }
    expect(await sourceFiles([at('*.jsonl')])).toEqual([at('a.jsonl'), at('b.jsonl')]);
    expect(await sourceFiles([at('sub'), at('b.jsonl')])).toEqual([at('sub/c.parquet'), at('b.jsonl')]);
    expect(await sourceFiles([folder])).toEqual(['a.jsonl', 'b.jsonl', 'sub/c.parquet'].map(at));
    expect(await fault(sourceFiles([at('*.parquet')]))).toMatch(/no file matches .*\*\.parquet/);
    mkdirSync(at('empty'));
    expect(await fault(sourceFiles([at('empty')]))).toMatch(/the folder holds no data files/);
    writeFileSync(at('dataset_dict.json'), '{"splits": ["train", "test"]}');
    expect(await fault(sourceFiles([folder]))).toMatch(/several splits: train, test\n.*\/train/);
    writeFileSync(at('we[i]rd.json'), '');
    expect(await sourceFiles([at('we[i]rd.json')])).toEqual([at('we[i]rd.json')]);
  });
});

describe('damage', () => {
  const settings = (name: string): DatasetSettings => ({
    source: { files: [at(name)] },
    columns,
    split: 'none',
  });
  const text = awkwardRows(60)
    .map((row) => JSON.stringify(row))
    .join('\n');

  it.each([
    [
      'gzip',
      gzipSync(text),
      /x\.bin: the gzip file can't be decompressed: unexpected end of file, between bytes 0 and/,
    ],
    [
      'zstd',
      zstdCompressSync(text),
      /x\.bin: the zstd file can't be decompressed: the file ends inside the frame at byte 0/,
    ],
  ])('of %s that is cut off anywhere is found', async (_name, whole, expected) => {
    for (const share of [0.1, 0.5, 0.9, 1 - 1 / whole.length]) {
      writeFileSync(at('x.bin'), whole.subarray(0, Math.max(8, Math.floor(whole.length * share))));
      expect(await fault(prepareDataset(settings('x.bin'), mkdtempSync(at('out-'))))).toMatch(expected);
    }
  });

  it.each([
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('of %s followed by something else is found', async (_name, whole) => {
    writeFileSync(at('x.bin'), Buffer.concat([whole, Buffer.from('something else')]));
    expect(await fault(prepareDataset(settings('x.bin'), at('out')))).toMatch(/can't be decompressed/);
  });

  it('of text in a compressed file is placed in the text', async () => {
    writeFileSync(
      at('x.gz'),
      gzipSync('{"instruction": "q", "output": "a"}\n{"instruction": "q" "output": "a"}'),
    );
    expect(await fault(prepareDataset(settings('x.gz'), at('out')))).toMatch(
      /x\.gz: row 1 \(from 0\), byte of the decompressed text 56: found/,
    );
  });

  it('of Arrow that is cut off anywhere is found', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    await reference.run('write_arrow', { rows: awkwardRows(60), folder });
    for (const name of ['rows.arrow', 'rows.feather']) {
      const whole = readFileSync(at(name));
      for (const share of [0.999, 0.9, 0.5, 0.1]) {
        writeFileSync(at(name), whole);
        truncateSync(at(name), Math.floor(whole.length * share));
        expect(await fault(prepareDataset(settings(name), mkdtempSync(at('out-'))))).toMatch(
          /no end mark of an Arrow/,
        );
      }
      writeFileSync(at(name), Buffer.concat([whole.subarray(0, 2000), whole.subarray(-16)]));
      expect(await fault(prepareDataset(settings(name), mkdtempSync(at('out-'))))).toMatch(
        /cut off or damaged/,
      );
    }
  });

  it('of text in Arrow is told by its row', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    await reference.run('write_untyped_arrow', { values: [[104], [255]], path: at('x.arrow') });
    expect(await fault(prepareDataset(settings('x.arrow'), at('out')))).toMatch(
      /row 1 \(from 0\): column "instruction" is not valid UTF-8/,
    );
  });
});
