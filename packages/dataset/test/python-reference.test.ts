import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatasetSettings, prepareDataset } from '../src/index.ts';
import { PythonReference, sharedFile } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'python-reference-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ABSOLUTE_PROMPT =
  'You are a fair judge assistant tasked with providing clear, objective feedback based on specific criteria, ensuring each assessment reflects the absolute standards set for performance.';
const RELATIVE_PROMPT =
  'You are a fair judge assistant assigned to deliver insightful feedback that compares individual performances, highlighting how each stands relative to others within the same cohort.';

/** Prepare, and let pandas, scikit-learn and datasets prepare the same; returns what differs. */
async function differences(settings: DatasetSettings, maxShardBytes?: number): Promise<unknown> {
  const output = mkdtempSync(join(folder, 'out-'));
  await prepareDataset(settings, output, { maxShardBytes });
  const { source, ...rest } = settings;
  return reference.run('compare', { files: source.files, output, ...rest });
}

describe('prepared data', () => {
  const columns = { user: 'instruction', assistant: 'output' };

  it('of the feedback sample is that of pandas, scikit-learn and datasets', {
    timeout: 120_000,
  }, async (context) => {
    reference.require(context);
    const files = [sharedFile(context, 'data/feedback-sample.json')];
    const settings = { source: { files }, columns, system_prompt: ABSOLUTE_PROMPT };
    expect(await differences({ ...settings, split: { test_size: 0.01, seed: 42 } })).toEqual({});
    expect(await differences({ ...settings, split: { test_size: 0.25, seed: 1 } }, 2_000_000)).toEqual({});
    expect(await differences({ ...settings, split: 'none' })).toEqual({});
  });

  it('of the preference sample is that of pandas, scikit-learn and datasets', {
    timeout: 120_000,
  }, async (context) => {
    reference.require(context);
    const files = [sharedFile(context, 'data/preference-sample.parquet')];
    expect(await differences({ source: { files }, columns, split: { test_size: 0.01, seed: 42 } })).toEqual(
      {},
    );
    expect(await differences({ source: { files: [...files, ...files] }, columns, split: 'none' })).toEqual(
      {},
    );
  });

  it.for([
    ['absolute', 'feedback-sample.json', ABSOLUTE_PROMPT],
    ['relative', 'preference-sample.parquet', RELATIVE_PROMPT],
  ] as const)(
    'for %s grading is what the original code made',
    { timeout: 60_000 },
    async ([name, sample, prompt], context) => {
      reference.require(context);
      const golden = JSON.parse(
        readFileSync(sharedFile(context, `golden/${name}-dataset.json`), 'utf8'),
      ) as Record<string, object>;
      const files = [sharedFile(context, `data/${sample}`)];
      const split = { test_size: 0.01, seed: 42 };
      await prepareDataset({ source: { files }, columns, system_prompt: prompt, split }, join(folder, 'out'));
      for (const part of ['train', 'test']) {
        expect(golden[part]).toMatchObject(
          (await reference.run('digest_of', { folder: join(folder, 'out', part) })) as object,
        );
      }
    },
  );

  it('of awkward JSON in several files is that of pandas, scikit-learn and datasets', {
    timeout: 120_000,
  }, async (context) => {
    reference.require(context);
    const files = [join(folder, 'one.json'), join(folder, 'two.json')];
    const rows = awkwardRows(300);
    writeFileSync(files[0] as string, JSON.stringify(rows.slice(0, 140), null, 1));
    writeFileSync(
      files[1] as string,
      JSON.stringify(rows.slice(140)).replace(
        /[^ -~]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    );
    const settings = { source: { files }, columns, system_prompt: 'Be fair — 公平\n' };
    expect(await differences({ ...settings, split: { test_size: 0.1, seed: 5 } })).toEqual({});
    expect(await differences({ ...settings, split: { test_size: 33, seed: 4294967295 } }, 20_000)).toEqual(
      {},
    );
    expect(await differences({ ...settings, split: 'none' })).toEqual({});
  });
});

describe('Parquet', () => {
  const types = {
    instruction: 'string',
    output: 'string',
    count: 'int64',
    share: 'float64',
    flag: 'bool_',
    note: 'string',
    nothing: 'null',
  };
  const columns = { user: 'instruction', assistant: 'output' };

  function parquetRows(count: number): Record<string, unknown>[] {
    return Array.from({ length: count }, (_, i) => ({
      instruction: `ask ${i} ${'😀é\u2028"\\'.repeat(i % 5)}${'z'.repeat((i * 37) % 900)}`,
      output: i % 4 === 0 ? '' : `\ufeffsame answer ${i % 3}`,
      count: (i - 50) * 3,
      share: i / 7,
      flag: i % 3 === 0,
      note: i % 5 === 0 ? null : `note ${i % 11}`,
      nothing: null,
    }));
  }

  it.for([
    { compression: 'snappy' },
    { compression: 'gzip', row_group_size: 100 },
    { compression: 'zstd', data_page_version: '2.0', data_page_size: 2000, write_batch_size: 7 },
    { compression: 'brotli', use_dictionary: false, write_page_index: true },
    { compression: 'lz4', data_page_version: '2.0', use_dictionary: false, row_group_size: 33 },
    { compression: 'none', dictionary_pagesize_limit: 400, data_page_size: 500, write_batch_size: 3 },
  ])(
    'written with $compression is read as pandas reads it',
    { timeout: 120_000 },
    async (options, context) => {
      reference.require(context);
      const files = [join(folder, '1.parquet'), join(folder, '2.parquet')];
      const rows = parquetRows(500);
      await reference.run('write_parquet', { rows: rows.slice(0, 350), types, path: files[0], options });
      await reference.run('write_parquet', { rows: rows.slice(350), types, path: files[1], options });
      const settings = { source: { files }, columns, system_prompt: 'x' };
      expect(await differences({ ...settings, split: { test_size: 0.1, seed: 9 } })).toEqual({});
      expect(await differences({ ...settings, split: 'none' })).toEqual({});
    },
  );

  it('of narrow numbers, NaN and nulls becomes int64 and float64', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    const path = join(folder, 'narrow.parquet');
    const narrow = {
      i8: 'int8',
      i16: 'int16',
      i32: 'int32',
      u8: 'uint8',
      u16: 'uint16',
      u32: 'uint32',
      f32: 'float32',
      i64: 'int64',
    };
    const rows = [
      {
        q: 'x',
        a: 'y',
        i8: -128,
        i16: -32768,
        i32: -2147483648,
        u8: 255,
        u16: 65535,
        u32: 4294967295,
        f32: 0.5,
        i64: 9007199254740992,
      },
      { q: 'x', a: 'y', i8: null, i16: 1, i32: 2, u8: 3, u16: 4, u32: 5, f32: null, i64: null },
    ];
    await reference.run('write_parquet', {
      rows,
      types: { q: 'string', a: 'string', ...narrow },
      path,
      options: {},
    });
    const output = join(folder, 'out');
    await prepareDataset(
      { source: { files: [path] }, columns: { user: 'q', assistant: 'a' }, split: 'none' },
      output,
    );
    const found = (await reference.run('rows_of', { folder: join(output, 'train') })) as {
      rows: unknown;
      features: object;
    };
    expect(found.rows).toMatchObject(rows);
    expect(found.features).toMatchObject({
      i8: "Value('int64')",
      u32: "Value('int64')",
      f32: "Value('float64')",
      i64: "Value('int64')",
    });
  });

  it('says what is wrong with a file, and where', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    const path = join(folder, 'x.parquet');
    const write = (rows: object[], kinds: object, options: object = {}) =>
      reference.run('write_parquet', { rows, types: kinds, path, options });
    const fault = async (user = 'q') => {
      rmSync(join(folder, 'out'), { recursive: true, force: true });
      const settings: DatasetSettings = {
        source: { files: [path] },
        columns: { user, assistant: 'a' },
        split: 'none',
      };
      return prepareDataset(settings, join(folder, 'out')).then(
        () => 'no fault was found',
        (error: Error) => `${error.name}: ${error.message}`,
      );
    };
    const text = { q: 'string', a: 'string' };

    await write([{ q: 'x', a: 'y' }], text);
    expect(await fault()).toBe('no fault was found');
    expect(await fault('prompt')).toMatch(
      /^ConfigurationError: .*x\.parquet: schema: column "prompt" is missing; the row has "q", "a"/,
    );
    await write([{ q: 'x', a: 'y', t: 1 }], { ...text, t: 'date32' });
    expect(await fault()).toMatch(/ConfigurationError: .*schema: column "t" is INT32 \(DATE\)/);
    await write([{ q: 'x', a: 'y', t: 1 }], { ...text, t: 'uint64' });
    expect(await fault()).toMatch(/ConfigurationError: .*schema: column "t" is INT64 \(UINT_64\)/);
    await write([{ q: 'x', a: 'y', messages: 'z' }], { ...text, messages: 'string' });
    expect(await fault()).toMatch(/ConfigurationError: .*column "messages" is already there/);
    await write([{ q: 1, a: 'y' }], { q: 'int64', a: 'string' });
    expect(await fault()).toMatch(/ConfigurationError: .*column "q" holds an integer; .* must be text/);
    await write(
      [
        { q: 'x', a: 'y' },
        { q: 'x', a: null },
      ],
      text,
    );
    expect(await fault()).toMatch(
      /ConfigurationError: .*row 1 \(from 0\): column "a" holds null; .* must be text/,
    );
    await write([], text);
    expect(await fault()).toMatch(/ConfigurationError: .*the file has no rows/);
    await reference.run('write_untyped_text', {
      values: [
        [104, 105],
        [104, 255],
      ],
      path,
    });
    expect(await fault()).toMatch(/ConfigurationError: .*row 1 \(from 0\): column "q" is not valid UTF-8/);

    await write([{ q: 'x', a: 'y' }], text, { compression: 'snappy' });
    const snappy = readFileSync(path);
    writeFileSync(path, withCodec(snappy, 'LZO'));
    expect(await fault()).toMatch(
      /ConfigurationError: .*x\.parquet: column "q" of row group 0 is compressed with LZO\n.*one of UNCOMPRESSED, SNAPPY/,
    );

    const rows = Array.from({ length: 100 }, (_, i) => ({ q: `${i}`.repeat(200), a: 'y' }));
    await write(rows, text, { compression: 'none', use_dictionary: false });
    const whole = readFileSync(path);
    truncateSync(path, whole.length - 1);
    expect(await fault()).toMatch(/ConfigurationError: .*no Parquet footer at the end of/);
    const firstPage = whole.indexOf(Buffer.from('0'.repeat(200)));
    writeFileSync(path, Buffer.from(whole).fill(0xff, 4, firstPage - 4));
    expect(await fault()).toMatch(/ConfigurationError: .*row group 0, column "q": .*\n.*cut off or damaged/);
    writeFileSync(path, Buffer.concat([whole.subarray(0, 1000), whole.subarray(2000)]));
    expect(await fault()).toMatch(/ConfigurationError: .*row group 0, column "q".*\n.*cut off or damaged/);
  });
});

/** The file with another codec in the footer of its first column: the byte is found by what the footer then says. */
function withCodec(file: Buffer, codec: string): Buffer {
  const LZO = 6; // 3, as Thrift's compact protocol writes it
  for (let at = file.length - 8; at > 4; at--) {
    const changed = Buffer.from(file);
    changed[at] = LZO;
    try {
      const { row_groups: groups } = parquetMetadata(new Uint8Array(changed).buffer);
      if (groups[0]?.columns[0]?.meta_data?.codec === codec) return changed;
    } catch {}
  }
  throw new Error('no byte of the footer is the codec');
}

/** Rows with every kind of column and text; the first holds all keys of its half. */
function awkwardRows(count: number): Record<string, unknown>[] {
  const texts = [
    '',
    'plain',
    'é',
    '😀 emoji',
    '\u2028\u2029',
    '\ufeff',
    '\u0000\u001f',
    '"\\/\b\f\n\r\t',
    '日本語',
    '\uffff',
  ];
  return Array.from({ length: count }, (_, i) => ({
    instruction: `${i} ${texts[i % texts.length]}`,
    output: texts[(i * 3) % texts.length],
    7: texts[(i * 7) % texts.length],
    whole: i * 1_000_003 - 5_000_000,
    real: i % 2 ? i : i / 3,
    flag: i % 2 === 0,
    sparse: i % 3 ? null : texts[i % texts.length],
    maybe: i % 5 ? null : i / 8 + 0.5,
    empty: null,
    ...(i > 200 && { constructor: `late ${i}`, __proto__key: 'x' }),
  }));
}
