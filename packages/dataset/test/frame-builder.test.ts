import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { FrameBuilder } from '../src/arrow-batch.ts';
import type { Column } from '../src/column-table.ts';
import { frameSchema } from '../src/frame-schema.ts';
import { type JsonCursor, WORD_BYTES } from '../src/json-string.ts';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { decodeRow } from '../src/row-cells.ts';
import { RowIndex } from '../src/row-index.ts';

const COLUMNS: Column[] = [
  { name: 'q', type: 'string', kept: true },
  { name: 'a', type: 'string', kept: false },
  { name: 'i', type: 'int64', kept: true },
  { name: 'f', type: 'float64', kept: true },
  { name: 'b', type: 'bool', kept: true },
  { name: 'n', type: 'null', kept: true },
  { name: 'é "quoted"', type: 'string', kept: true },
  { name: 'constructor', type: 'string', kept: true },
];

function cursorOn(text: string): JsonCursor {
  const bytes = Buffer.concat([Buffer.from(text), Buffer.alloc(WORD_BYTES)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, at: 0, end: bytes.length - WORD_BYTES };
}

function builder(): FrameBuilder {
  return new FrameBuilder(COLUMNS, { systemPrompt: 'Be fair.', user: 0, assistant: 1 }, true, 64);
}

function cellsOf(text: string) {
  return decodeRow(cursorOn(text), 0, new RowIndex(), COLUMNS);
}

function rowsOf(batch: Uint8Array[]): string[] {
  const stream = Buffer.concat([...frameSchema(COLUMNS, true).message, ...batch]);
  const exact = (_: string, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : value;
  return tableFromIPC(stream)
    .toArray()
    .map((row) => JSON.stringify(row, exact));
}

/** JSON text of a row: keys in any order, some missing, with white space and escapes as they come. */
function randomRow(draw: MersenneTwister): string {
  const one = (values: readonly string[]) => values[draw.interval(values.length - 1)] as string;
  const space = () => one(['', '', '', ' ', '\n\t', '\r\n  ']);
  const texts = [
    '""',
    '"plain"',
    '"é 日本 😀"',
    '"\\n\\u00e9\\ud83d\\ude00\\\\"',
    '"a longer text, of some words"',
  ];
  const cells: [string, () => string][] = [
    ['"i"', () => one(['0', '-0', '9223372036854775807', '-9007199254740993', 'null'])],
    ['"f"', () => one(['0', '-0.0', '1e999', '12345678901234567890', '0.1', '-3E-2', 'null'])],
    ['"b"', () => one(['true', 'false', 'null'])],
    ['"n"', () => 'null'],
    [one(['"é \\"quoted\\""', '"\\u00e9 \\u0022quoted\\""']), () => one([...texts, 'null'])],
    ['"constructor"', () => one([...texts, 'null'])],
    ['"left out"', () => one([...texts, '1.5', 'true', 'null'])],
  ];
  const chosen = cells.filter(() => draw.interval(3) > 0).map(([key, cell]) => [key, cell()]);
  chosen.splice(
    draw.interval(chosen.length),
    0,
    ['"a"', one(texts)],
    [one(['"q"', '"\\u0071"']), one(texts)],
  );
  const members = chosen.map(([key, cell]) => `${space()}${key}${space()}:${space()}${cell}${space()}`);
  return `{${members.join(',')}}`;
}

describe('FrameBuilder', () => {
  it('makes of JSON text what it makes of decoded cells', () => {
    const draw = new MersenneTwister(11);
    const [ofText, ofCells] = [builder(), builder()];
    for (let batch = 0; batch < 5; batch++) {
      for (let row = 0; row < 200; row++) {
        const text = randomRow(draw);
        expect([text, ofText.appendJson(cursorOn(text), row)]).toEqual([text, true]);
        ofCells.append(cellsOf(text), row);
        expect(ofText.lastText(6)).toEqual(ofCells.lastText(6));
      }
      expect(ofText.rows).toBe(200);
      expect(rowsOf(ofText.finish())).toEqual(rowsOf(ofCells.finish()));
    }
  });

  it.each([
    ['a list beside its columns', '{"q": "x", "a": "y", "left out": [1]}'],
    ['half a surrogate pair beside its columns', '{"q": "x", "a": "y", "left out": "\\ud800"}'],
    ['a number as text', '{"q": "x", "a": 1}'],
    ['text as a number', '{"q": "x", "a": "y", "i": "1"}'],
    ['a fraction as an integer', '{"q": "x", "a": "y", "i": 1.5}'],
    ['a key twice', '{"q": "x", "a": "y", "q": "z"}'],
    ['half a surrogate pair', '{"i": 7, "q": "x", "a": "\\ud800"}'],
    ['a control character', '{"i": 7, "b": null, "q": "x", "a": "\n"}'],
    ['a word that is none of JSON', '{"q": "x", "a": "y", "b": True}'],
    ['a bad key', '{"q": "x", "a": "y", "\\x": 1}'],
    ['no comma', '{"q": "x" "a": "y"}'],
    ['text after the row', '{"q": "x", "a": "y"} '],
    ['no end', '{"q": "x", "a": "y"'],
  ])('appends nothing of a row with %s', (_name, text) => {
    const tried = builder();
    const other = builder();
    for (const row of [
      '{"q": "1", "a": "2", "i": null, "constructor": "c"}',
      text,
      '{"q": "3", "a": "4", "b": true}',
    ]) {
      if (row === text) expect(tried.appendJson(cursorOn(row), 1)).toBe(false);
      else for (const each of [tried, other]) expect(each.appendJson(cursorOn(row), 2)).toBe(true);
    }
    expect(rowsOf(tried.finish())).toEqual(rowsOf(other.finish()));
  });
});
