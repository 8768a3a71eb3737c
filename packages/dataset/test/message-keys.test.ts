import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatasetSettings, prepareDataset, sourceFiles } from '../src/index.ts';
import { fault } from './fault.ts';
import { PythonReference } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'message-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

async function prepared(source: string): Promise<string> {
  const output = mkdtempSync(at('out-'));
  const files = await sourceFiles([at(source)]);
  const settings: DatasetSettings = { source: { files }, columns: { messages: 'messages' }, split: 'none' };
  await prepareDataset(settings, output);
  return join(output, 'train');
}

const FORMATS = ['rows.parquet', 'rows.arrow', 'rows.feather', 'saved', 'rows.jsonl', 'rows.json'];
const conversation = (i: number) => [
  { role: 'user', content: `ask ${i}` },
  { role: 'assistant', content: `So. [RESULT] ${i % 5}` },
];

describe('keys beside role and content', () => {
  it('say nothing where they are null or empty, in every format', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const rows = Array.from({ length: 20 }, (_, i) => ({ messages: conversation(i) }));
    const padded = rows.map(({ messages }, i) => ({
      messages: messages.map((message) =>
        i % 2 ? message : { ...message, tool_calls: [], function: { name: null, arguments: { x: null } } },
      ),
    }));
    await reference.run('write_padded_messages', { rows: padded, folder });
    for (const format of FORMATS) {
      const found = (await reference.run('rows_of', { folder: await prepared(format) })) as { rows: unknown };
      expect(found.rows, format).toEqual(rows);
    }
  });

  it.for([
    ['name', 'Ann'],
    ['weight', 0],
    ['train', false],
    ['tool_calls', [{ id: 'a', function: { name: 'f' } }]],
    ['function', { name: 'f', arguments: null }],
  ] as const)('are refused by row and key where they say something: %s', async ([key, value], context) => {
    reference.require(context);
    const rows = Array.from({ length: 12 }, (_, i) => ({
      messages: conversation(i).map((message, place) =>
        i === 9 && place === 1 ? { ...message, [key]: value } : message,
      ),
    }));
    await reference.run('write_padded_messages', { rows, folder });
    for (const format of FORMATS) {
      expect(await fault(prepared(format)), format).toMatch(
        new RegExp(
          `row 9 \\(from 0\\).*: message 1 \\(from 0\\) has the key "${key}" beside .*\\n.*Drop the rows`,
        ),
      );
    }
  });
});

describe('a key that a message has twice', () => {
  const good = JSON.stringify({ messages: conversation(1) });
  const bad = (keys: string) =>
    `{"note": {"a": 1}, "messages": [{"role": "user", ${keys}}, {"role": "assistant", "content": "a"}]}`;
  /** Of the two keys, § is before the second. */
  const CASES: [string, string, string][] = [
    ['content', '"content": "the first", §"content": "the second"', 'content'],
    ['a key that is escaped once', '"content": "the first", §"c\\u006fntent": "the second"', 'content'],
    ['the role', '"content": "{\\"role\\": 1}", §"role": "user"', 'role'],
    [
      'a key of an object within',
      '"content": "x", "function": {"a": null, "b": {"c": null, §"c": null}}',
      'c',
    ],
  ];

  it.each(CASES)('is refused with its place: %s', async (_name, keys, key) => {
    const second = bad(keys).replace('"note": {"a": 1}, ', '');
    const line = second.replace('§', '');
    const forms: Record<string, [content: string | Buffer, offset: number]> = {
      'rows.jsonl': [`${good}\n${line}\n`, good.length + 1],
      'rows.json': [`[${good},\n${line}]`, good.length + 3],
      'rows.jsonl.gz': [gzipSync(`${good}\n${line}`), good.length + 1],
      'rows.json.zst': [zstdCompressSync(`[${good},${line}]`), good.length + 2],
    };
    for (const [name, [content, offset]] of Object.entries(forms)) {
      writeFileSync(at(name), content);
      const message = await fault(prepared(name));
      expect(message, name).toMatch(/row 1 \(from 0\), byte/);
      const place = offset + second.indexOf('§');
      expect(message, name).toContain(`${place}: column "messages": key "${key}" stands twice in a message`);
    }
  });

  it('may be the same in two messages, in a text, and in a column that is left out', async () => {
    const text = '"content": "{\\"content\\": 1, \\"content\\": 2}"';
    const row = bad(text).replace('{"a": 1}', '{"a": 1, "a": 2}');
    writeFileSync(at('rows.jsonl'), `${row}\n${row}`);
    const settings: DatasetSettings = {
      source: { files: [at('rows.jsonl')] },
      columns: { messages: 'messages' },
      keep_columns: [],
      split: 'none',
    };
    expect((await prepareDataset(settings, at('out'))).train.rows).toBe(2);
  });

  it('is refused as a field of Parquet and Arrow', async (context) => {
    reference.require(context);
    await reference.run('write_twin_fields', { folder });
    expect(await fault(prepared('rows.parquet'))).toMatch(
      /schema: column "messages" has two fields "content"/,
    );
    expect(await fault(prepared('rows.arrow'))).toMatch(/row 0 \(from 0\): .*key "content" stands twice/);
  });
});
