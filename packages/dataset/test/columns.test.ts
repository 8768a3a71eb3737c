import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatasetSettings, prepareDataset, sourceFiles } from '../src/index.ts';
import { awkwardRows } from './awkward-rows.ts';
import { fault } from './fault.ts';
import { PythonReference } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sources-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const columns = { user: 'instruction', assistant: 'output' };
const at = (name: string) => join(folder, name);

describe('messages that are there', () => {
  const conversations = [
    [
      { role: 'user', content: 'ask 😀\u2028' },
      { role: 'assistant', content: '' },
    ],
    [
      { content: '\ufeffBe fair.', role: 'system' },
      { role: 'user', content: 'ask' },
      { role: 'assistant', content: 'so' },
      { role: 'user', content: 'again' },
      { role: 'assistant', content: '[RESULT] 3' },
    ],
  ];
  const rows = Array.from({ length: 90 }, (_, i) => ({ id: i, messages: conversations[i % 2] }));

  it('stay as they are, from every format', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    writeFileSync(at('rows.json'), JSON.stringify(rows));
    writeFileSync(at('rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    // Small pages, so that rows lie across them.
    const parquet = { data_page_size: 40, write_batch_size: 3, row_group_size: 50, use_dictionary: false };
    await reference.run('write_arrow', { rows, folder, parquet });
    for (const source of ['rows.json', 'rows.jsonl', 'rows.parquet', 'rows.arrow', 'rows.feather', 'saved']) {
      const output = mkdtempSync(at('out-'));
      await prepareDataset(
        {
          source: { files: await sourceFiles([at(source)]) },
          columns: { messages: 'messages' },
          split: 'none',
        },
        output,
      );
      const found = (await reference.run('rows_of', { folder: join(output, 'train') })) as { rows: unknown };
      expect(found.rows, source).toEqual(rows);
    }
  });

  it('take their name from another column', async (context) => {
    reference.require(context);
    writeFileSync(
      at('rows.json'),
      JSON.stringify(rows.map(({ id, messages }) => ({ talk: messages, id, talk2: [] }))),
    );
    const settings: DatasetSettings = {
      source: { files: [at('rows.json')] },
      columns: { messages: 'talk' },
      keep_columns: ['id'],
      split: 'none',
    };
    await prepareDataset(settings, at('out'));
    const found = (await reference.run('rows_of', { folder: at('out/train') })) as { rows: object[] };
    expect(found.rows).toEqual(rows);
  });

  const good = '{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}';
  it.each([
    ['text', '"hello"', /row 1 .*byte \d+: column "m" holds text; it must be a list of messages/],
    ['nothing', 'null', /column "m" holds null; it must be a list/],
    ['an empty list', '[]', /row 1 \(from 0\), byte \d+: column "m": is an empty list/],
    ['a list of texts', '["a"]', /message 0 \(from 0\) is no object/],
    ['a message without a role', '[{"content": "x"}]', /message 0 .* has no text as its "role"/],
    ['a message without text', `[{"role": "user", "content": null}]`, /has no text as its "content"/],
    ['another key', `[{"role": "user", "content": "x", "weight": 0}]`, /has the key "weight" beside/],
    [
      'the same role twice',
      `[${good}, {"role": "assistant", "content": "b"}]`,
      /message 2 .* has the role "assistant" where "user"/,
    ],
    ['an unknown role', '[{"role": "human", "content": "x"}]', /has the role "human" where "user"/],
    [
      'a system message late',
      `[${good}, {"role": "system", "content": "b"}]`,
      /has the role "system" where "user"/,
    ],
    ['no answer', '[{"role": "user", "content": "x"}]', /ends without an answer/],
    ['a system message alone', '[{"role": "system", "content": "x"}]', /ends without an answer/],
    ['half a character', '[{"role": "user", "content": "\\ud800"}]', /message 0 .* half of a surrogate pair/],
  ])('are refused with %s', async (_what, messages, expected) => {
    writeFileSync(at('rows.json'), `[{"m": [${good}]}, {"m": ${messages}}]`);
    const settings: DatasetSettings = {
      source: { files: [at('rows.json')] },
      columns: { messages: 'm' },
      split: 'none',
    };
    expect(await fault(prepareDataset(settings, at('out')))).toMatch(expected);
  });
});

describe('columns and rows that are left out', () => {
  it('need not be of one type, nor flat, nor have a free name', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    const rows = [
      { messages: [], mixed: 1, instruction: 'q', output: 'a', kept: 'x', __index_level_0__: 5 },
      { messages: 'text', mixed: 'one', instruction: 'q', output: 'a', kept: 'y', nested: { a: ['}'] } },
    ];
    writeFileSync(at('rows.json'), JSON.stringify(rows));
    const settings: DatasetSettings = {
      source: { files: [at('rows.json')] },
      columns,
      keep_columns: ['kept'],
      split: { test_size: 1, seed: 0 },
    };
    const { columns: read } = await prepareDataset(settings, at('out'));
    expect(read.map(({ name, kept }) => [name, kept])).toEqual([
      ['instruction', false],
      ['output', false],
      ['kept', true],
    ]);
    const { features } = (await reference.run('rows_of', { folder: at('out/train') })) as {
      features: object;
    };
    expect(Object.keys(features)).toEqual(['kept', 'messages', '__index_level_0__']);
  });

  it('are said to be missing where keep_columns names no column', async () => {
    writeFileSync(at('rows.json'), '[{"instruction": "q", "output": "a"}]');
    const settings = {
      source: { files: [at('rows.json')] },
      columns,
      keep_columns: ['outptu'],
      split: 'none' as const,
    };
    expect(await fault(prepareDataset(settings, at('out')))).toMatch(
      /keep_columns names "outptu", which is in no row; there are "instruction", "output"/,
    );
  });

  it.each([1, 7, 119, 120, 1000])(
    'with limit %d, only the first rows are prepared',
    { timeout: 60_000 },
    async (limit) => {
      const rows = awkwardRows(120).map((row) => ({ ...row, output: 'short' }));
      writeFileSync(at('a.json'), JSON.stringify(rows.slice(0, 60)));
      writeFileSync(
        at('b.jsonl.gz'),
        gzipSync(
          rows
            .slice(60)
            .map((row) => JSON.stringify(row))
            .join('\n'),
        ),
      );
      const prepared = await prepareDataset(
        { source: { files: [at('a.json'), at('b.jsonl.gz')] }, columns, limit, split: 'none' },
        at('out'),
      );
      expect(prepared.train.rows).toBe(Math.min(limit, 120));
    },
  );

  it('with limit, Parquet and Arrow end early too', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    await reference.run('write_arrow', { rows: awkwardRows(50), folder, parquet: { row_group_size: 8 } });
    for (const name of ['rows.parquet', 'rows.arrow']) {
      const output = mkdtempSync(at('out-'));
      const settings: DatasetSettings = { source: { files: [at(name)] }, columns, limit: 13, split: 'none' };
      expect((await prepareDataset(settings, output)).train.rows).toBe(13);
    }
  });
});

describe('split by a column', () => {
  it('keeps rows of one value on one side', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    const rows = Array.from({ length: 400 }, (_, i) => ({
      q: `${i}`,
      a: 'x',
      group: i % 7 ? `g${i % 40}` : i % 40,
    }));
    writeFileSync(at('mixed.json'), JSON.stringify(rows));
    const settings: DatasetSettings = {
      source: { files: [at('rows.json')] },
      columns: { user: 'q', assistant: 'a' },
      split: { test_size: 0.1, seed: 5, by: 'group' },
    };
    const mixed = { ...settings, source: { files: [at('mixed.json')] } };
    expect(await fault(prepareDataset(mixed, at('none')))).toMatch(
      /column "group" holds text, but an integer/,
    );
    writeFileSync(
      at('rows.json'),
      JSON.stringify(rows.map((row) => ({ ...row, group: `g${Number(row.q) % 40}` }))),
    );
    const prepared = await prepareDataset(settings, at('out'));
    expect(prepared.test?.rows).toBe(40);
    const groupsOf = async (part: string) => {
      const found = (await reference.run('rows_of', { folder: at(`out/${part}`) })) as {
        rows: { group: string }[];
      };
      return new Set(found.rows.map(({ group }) => group));
    };
    const [train, test] = [await groupsOf('train'), await groupsOf('test')];
    expect(test.size).toBe(4);
    expect([...test].filter((group) => train.has(group))).toEqual([]);
  });

  it('needs a value in each row', async () => {
    writeFileSync(at('rows.json'), '[{"q": "q", "a": "a", "g": 1}, {"q": "q", "a": "a", "g": null}]');
    const settings: DatasetSettings = {
      source: { files: [at('rows.json')] },
      columns: { user: 'q', assistant: 'a' },
      split: { test_size: 1, seed: 5, by: 'g' },
    };
    expect(await fault(prepareDataset(settings, at('out')))).toMatch(
      /row 1 .*column "g", by which .* holds null/,
    );
    writeFileSync(at('rows.json'), '[{"q": "q", "a": "a"}]');
    expect(await fault(prepareDataset(settings, at('out2')))).toMatch(/column "g" is missing/);
  });
});
