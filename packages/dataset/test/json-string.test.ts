import { describe, expect, it } from 'vitest';
import { appendJsonString, type JsonCursor, WORD_BYTES } from '../src/json-string.ts';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { Utf8Buffer } from '../src/utf8-buffer.ts';

/** A cursor after the opening quotation mark of a literal, which `before` bytes stand before. */
function cursorOn(literal: string, before: number): JsonCursor {
  const text = Buffer.from(`${' '.repeat(before)}${literal}}`);
  const bytes = Buffer.concat([text, Buffer.alloc(WORD_BYTES)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, at: before + 1, end: text.length };
}

/** What `appendJsonString` makes of a literal; undefined where it refuses it. */
function transcribed(literal: string, before = 0): string | undefined {
  const text = new Utf8Buffer(1);
  text.write('x');
  const json = cursorOn(literal, before);
  if (!appendJsonString(json, text)) return undefined;
  expect(json.at).toBe(json.end - 1);
  expect(text.bytes[0]).toBe(0x78);
  return text.bytes.toString('utf8', 1, text.length);
}

/** What `JSON.parse` makes of it; undefined where it refuses it, or the text has no UTF-8 form. */
function parsed(literal: string): string | undefined {
  try {
    const text = JSON.parse(literal) as string;
    return text.isWellFormed() ? text : undefined;
  } catch {
    return undefined;
  }
}

describe('appendJsonString', () => {
  it('reads every escape and character as JSON.parse does, at every place of a word', () => {
    const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    const pieces = [
      ...characters.filter((character) => character !== '"' && character !== '\\'),
      ...characters.map((character) => `\\${character}`),
      ...[
        '\\u0000',
        '\\u007f',
        '\\u0080',
        '\\u07FF',
        '\\u0800',
        '\\uffff',
        '\\ud83d\\ude00',
        '\\udbff\\udfff',
      ],
      ...[
        '\\ud83d',
        '\\ude00',
        '\\ude00\\ud83d',
        '\\ud83dx',
        '\\ud83d\\n',
        '\\ud83d\\u0041',
        '\\ud83d\\ud83d',
      ],
      ...['\\u12g4', '\\u123', '\\u', '\\u+123', '日本', '😀', '\u2028'],
    ];
    for (const piece of pieces) {
      for (let place = 0; place < 2 * WORD_BYTES; place++) {
        const literal = `"${'a'.repeat(place)}${piece}${'b'.repeat(place % 3)}"`;
        expect([literal, transcribed(literal, place % 5)]).toEqual([literal, parsed(literal)]);
      }
    }
  });

  it('reads long random texts as JSON.parse does, in a buffer that has to grow', () => {
    const draw = new MersenneTwister(7);
    const words = [
      'plain text ',
      'é',
      '日本語',
      '😀',
      '\\n',
      '\\"',
      '\\\\',
      '\\u00e9',
      '\\ud83d\\ude00',
      '\t',
    ];
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      // The last word, a bare tab, is not allowed.
      const kinds = i % 10 === 0 ? words.length : words.length - 1;
      const length = draw.interval(i % 50 === 0 ? 20_000 : 200);
      const literal = `"${Array.from({ length }, () => words[draw.interval(kinds - 1)]).join('')}"`;
      const expected = parsed(literal);
      expect(transcribed(literal, i % 7) === expected).toBe(true);
      if (expected === undefined) refused++;
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('refuses a string that does not end within the text', () => {
    for (const literal of ['"', '"abc', '"abcd', '"abc\\', '"abc\\u', '"abc\\u00', '"abc\\ud83d']) {
      expect([literal, transcribed(literal)]).toEqual([literal, undefined]);
    }
  });
});
