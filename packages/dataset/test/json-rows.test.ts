import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Column, ColumnTable } from '../src/column-table.ts';
import { RowIndex } from '../src/row-index.ts';
import { indexJsonFile } from '../src/sources/json-rows.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'json-rows-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Scanned {
  rows: unknown[];
  columns: Column[];
  bytes: number;
}

async function scan(
  content: string | Buffer,
  windowBytes?: number,
  required: string[] = [],
): Promise<Scanned> {
  const path = join(folder, 'rows.json');
  writeFileSync(path, content);
  const index = new RowIndex();
  const columns = new ColumnTable({ text: required });
  let bytes = 0;
  const context = {
    index,
    columns,
    limit: Number.POSITIVE_INFINITY,
    onBytes: (crossed: number) => (bytes += crossed),
  };
  await indexJsonFile(path, context, windowBytes);
  const file = readFileSync(path);
  const rows = Array.from({ length: index.rows }, (_, row) => {
    const { offset, length } = index.place(row);
    return JSON.parse(file.toString('utf8', offset, offset + length)) as unknown;
  });
  return { rows, columns: columns.resolved(), bytes };
}

async function fault(
  content: string | Buffer,
  required: string[] = [],
  windowBytes?: number,
): Promise<string> {
  try {
    await scan(content, windowBytes, required);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    expect(error.place?.file).toBe(join(folder, 'rows.json'));
    expect(error.hint).toBeTruthy();
    return `${error.problem}\n${error.hint}`;
  }
  throw new Error('no fault was found');
}

const AWKWARD_ROWS = [
  { a: 'plain', b: 'brackets ] } , { [ : inside' },
  { a: 'quote " backslash \\ both \\" end\\\\', b: '' },
  { a: '\\'.repeat(70), b: `${'x'.repeat(40)}\\"${'y'.repeat(40)}\\` },
  { a: 'emoji 😀 and Ελληνικά, 日本語', b: 'line\u2028paragraph\u2029\n\t\u0000\u001f' },
  { a: '"'.repeat(40), b: null, 'key with "quotes" \\ and 😀': 'x' },
  {},
  { b: 'other order', a: 'first' },
];

describe('indexJsonFile', () => {
  it.each([
    ['compact', JSON.stringify(AWKWARD_ROWS)],
    ['indented', JSON.stringify(AWKWARD_ROWS, null, 2)],
    [
      'with white space all over',
      ` \r\n\t[ \n${AWKWARD_ROWS.map((row) => ` ${JSON.stringify(row)} `).join('\n,\r\n')} ] \n `,
    ],
    ['behind a byte order mark', `\ufeff ${JSON.stringify(AWKWARD_ROWS)}`],
    ['with all non-ASCII text escaped', JSON.stringify(AWKWARD_ROWS).replace(/[^ -~]/g, escaped)],
  ])('finds the rows of a file %s, wherever a window ends', async (_name, content) => {
    const size = Buffer.byteLength(content);
    for (const windowBytes of [...Array.from({ length: 260 }, (_, i) => i + 1), size - 1, size, size + 1]) {
      const { rows, columns, bytes } = await scan(content, windowBytes);
      expect(rows).toEqual(AWKWARD_ROWS);
      expect(columns.map(({ name }) => name)).toEqual(['a', 'b', 'key with "quotes" \\ and 😀']);
      expect(bytes).toBe(size);
    }
  });

  it('gives one column to a key and its escaped form', async () => {
    const { columns } = await scan('[{"ab": "x"}, {"a\\u0062": "y"}]');
    expect(columns).toEqual([{ name: 'ab', type: 'string', kept: true }]);
  });

  it('finds the types of columns', async () => {
    const rows = `[
      {"text": "1", "whole": 0, "real": 1.0, "mixed": 1, "flag": true, "none": null, "late": null},
      {"text": null, "whole": -9223372036854775808, "real": 1e3, "mixed": -0.5E-2, "flag": false, "none": null, "late": 3},
      {"whole": 9223372036854775807}
    ]`;
    const { columns } = await scan(rows);
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      text: 'string',
      whole: 'int64',
      real: 'float64',
      mixed: 'float64',
      flag: 'bool',
      none: 'null',
      late: 'int64',
    });
  });

  const good = '{"a": "x"}';
  it.each<[string, string | Buffer, RegExp]>([
    ['an empty file', '', /byte 0: the file is empty/],
    ['white space alone', ' \n ', /byte 3: the file is empty/],
    ['an empty array', ' [ ] ', /byte 3: the array is empty/],
    ['JSON Lines with commas', `${good},\n${good}`, /row 1 \(from 0\), byte 10: found ",\\n/],
    [
      'an array after JSON Lines',
      `${good}\n[${good}]`,
      /row 1 .*byte 11: found "\[.* where "\{", the start of a row/,
    ],
    ['other text', 'instruction,output\n', /byte 0: found "ins.* where "\[", the start of a JSON array, or/],
    ['UTF-16', Buffer.from(`\ufeff[${good}]`, 'utf16le'), /byte 0: the file is in UTF-16: .* mark FF FE/],
    ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\n', /byte 0: .* of Git LFS/],
    [
      'a row that is no object',
      `[${good}, 5]`,
      /row 1 \(from 0\), byte 13: found "5\]" where "\{", the start of a row/,
    ],
    [
      'a missing comma between rows',
      `[${good} ${good}]`,
      /byte 12: .* where "," or "\]" after a row.*\n.*comma between/,
    ],
    ['a comma before the end', `[${good}, ]`, /row 1 \(from 0\), byte 13: found "\]" where another row/],
    ['text after the array', `[${good}] x`, /byte 13: found "x" where the end of the file/],
    ['a second array', `[${good}][${good}]`, /byte 12: .*the end of the file/],
    [
      'a missing comma between keys',
      '[{"a": "x" "b": "y"}]',
      /row 0 \(from 0\), byte 11: .* where "," or "\}" after the value/,
    ],
    ['a comma before the end of a row', '[{"a": "x",}]', /byte 11: .* where another key/],
    ['a missing colon', '[{"a" "x"}]', /byte 6: .* where ":" after the key/],
    ['a key without quotes', '[{a: "x"}]', /byte 2: .* where a key in double quotes/],
    ['a value without quotes', '[{"a": x}]', /byte 7: found "x\}\]" where a value/],
    ['a wrong literal', '[{"a": nul}]', /byte 7: found "nul\}\]" where a value/],
    ['NaN', '[{"a": NaN}]', /byte 7: .*\nNaN is not JSON/],
    ['minus alone', '[{"a": -}]', /byte 7: .* where a number in JSON form/],
    ['a number that ends in a dot', '[{"a": 1.}]', /byte 7: .* where a number in JSON form/],
    ['a number with an empty exponent', '[{"a": 1e+}]', /byte 7: .* where a number in JSON form/],
    ['a leading zero', '[{"a": 01}]', /byte 8: .* where "," or "\}" after the value/],
    [
      'an integer beyond 64 bits',
      '[{"a": 9223372036854775808}]',
      /byte 7: found the integer 9223372036854775808/,
    ],
    ['an array in a row', '[{"a": ["x"]}]', /byte 7: found a list as a value of "a"/],
    ['an object in a row', '[{"a": {}}]', /byte 7: found an object as a value of "a"/],
    ['a key given twice', '[{"a": "x", "a": "y"}]', /byte 17: key "a" stands twice/],
    [
      'mixed types',
      '[{"a": null}, {"a": 1}, {"a": "x"}]',
      /row 2 .*byte 30: column "a" holds text, but an integer in row 1 of/,
    ],
    [
      'booleans and numbers',
      '[{"a": true}, {"a": 0.5}]',
      /column "a" holds a number with a fraction, but true or false in row 0/,
    ],
    ['a column that the output adds', '[{"messages": "x"}]', /column "messages" is already there/],
    ['the index column', '[{"__index_level_0__": 1}]', /column "__index_level_0__" is already there/],
    [
      'a byte that is not UTF-8',
      Buffer.from('[{"a": "é\xff"}]', 'latin1'),
      /row 0 .*byte 8: byte 0xe9 is not valid UTF-8/,
    ],
    [
      'a cut character',
      Buffer.concat([Buffer.from('[{"a": "ok é '), Buffer.from([0xe2, 0x82]), Buffer.from('"}]')]),
      /byte 14: byte 0xe2/,
    ],
    ['a bad escape in a key', '[{"a\\x": "x"}]', /byte 3: key "a\\x" has an escape that JSON does not know/],
  ])('refuses %s', async (_name, content, expected) => {
    expect(await fault(content)).toMatch(expected);
    expect(await fault(content, [], 12), 'with a window of 12 bytes').toMatch(expected);
  });

  it('refuses a file cut off at any byte, and says where', async () => {
    const whole = '[{"a": "x\\"😀", "b": -1.5e3}, {"a": "y", "b": null}]';
    const bytes = Buffer.from(whole);
    for (let length = 1; length < bytes.length; length++) {
      const message = await fault(bytes.subarray(0, length));
      expect(message).toContain(`after ${length} bytes`);
      expect(message).toMatch(/the file ends (inside the row|after a row|where a row should start)/);
    }
    expect((await scan(bytes)).rows).toHaveLength(2);
  });

  it('names the columns that a row has where a required one is missing', async () => {
    const message = await fault('[{"prompt": "x", "output": "y"}]', ['instruction', 'output']);
    expect(message).toMatch(
      /row 0 .*byte 1: column "instruction" is missing; the row has "prompt", "output"/,
    );
    expect(await fault('[{}]', ['a'])).toMatch(/the row has no keys at all/);
    expect(await fault('[{"a": "x"}, {"b": "x"}]', ['a'])).toMatch(/row 1 .*byte 13: column "a" is missing/);
  });

  it.each(['null', '5', 'true', '0.5'])('refuses %s in a required column', async (value) => {
    expect(await fault(`[{"a": "x"}, {"a": ${value}}]`, ['a'])).toMatch(
      /row 1 .*byte 19: column "a" holds .* must be text/,
    );
  });

  it('refuses keys that carry data', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({ [`id-${i}`]: i }));
    expect(await fault(JSON.stringify(rows))).toMatch(/row 4096 .*more than 4096 different keys: "id-4096"/);
  });
});

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
    .join('');
}
