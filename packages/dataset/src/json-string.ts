import type { Utf8Buffer } from './utf8-buffer.ts';

/** JSON text that is read from one place onwards. */
export interface JsonCursor {
  /** Has {@link WORD_BYTES} more bytes than the text, or has other text behind it. */
  readonly bytes: Buffer;
  /** The same bytes, as words. */
  readonly view: DataView;
  /** Where the next byte is read. */
  at: number;
  /** Where the text ends. */
  end: number;
}

export const WORD_BYTES = 4;

/**
 * Append what a JSON string says to a text, without a string of JavaScript between: a word at a time up to the next
 * escape, so the speed is near that of a copy.
 *
 * @param json after the opening quotation mark; when it returns true, after the closing one
 * @returns false, with a part of the string appended, where JSON does not allow it or it has no UTF-8 form
 */
export function appendJsonString(json: JsonCursor, text: Utf8Buffer): boolean {
  for (;;) {
    const end = copyText(json, text);
    const { bytes, at } = json;
    if (at >= json.end) return false;
    if (at >= end) continue;
    json.at++;
    if (bytes[at] === QUOTE) return true;
    if (bytes[at] !== BACKSLASH || !appendUnicodeEscape(json, text)) return false;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** Bytes made room for at a time. */
const STEP_BYTES = 1 << 12;

/**
 * Copy up to what is neither plain nor an escape of two characters. One loop over both, for half of the time goes where
 * one piece of plain text ends and the next begins.
 *
 * @returns where the text or the room ends: it went on to there if nothing stopped it
 */
function copyText(json: JsonCursor, text: Utf8Buffer): number {
  text.reserve(STEP_BYTES);
  const { bytes, view: source } = json;
  const target = text.view;
  const end = Math.min(json.end, json.at + text.bytes.length - text.length - WORD_BYTES);
  let at = json.at;
  let to = text.length;
  for (;;) {
    let special = 0;
    while (at < end) {
      const word = source.getInt32(at, true);
      // Of a word with a special byte too much is copied; what comes next is put over it.
      target.setInt32(to, word, true);
      special = specialBytes(word);
      if (special !== 0) break;
      at += WORD_BYTES;
      to += WORD_BYTES;
    }
    if (special === 0) break;
    const plain = (31 - Math.clz32(special & -special)) >> 3;
    at += plain;
    to += plain;
    const character = bytes[at] === BACKSLASH ? (ESCAPES[bytes[at + 1] as number] as number) : 0;
    if (character === 0) break;
    target.setUint8(to++, character);
    at += 2;
  }
  json.at = at;
  text.length = to;
  return end;
}

/**
 * A word in which the high bit of the lowest byte that is set is that of the first quotation mark, backslash or control
 * character; 0 where there is none. `(x - 0x01…) & ~x & 0x80…` tells in this way where a byte of x is 0, and with n
 * instead of 1 where one is below n. With bit 1 turned, quotation mark and control characters are those below 0x21.
 */
function specialBytes(word: number): number {
  const turned = word ^ 0x02020202;
  const slashes = word ^ 0x5c5c5c5c;
  return (((turned - 0x21212121) & ~turned) | ((slashes - 0x01010101) & ~slashes)) & HIGH_BITS;
}

/** 0x80808080 as a signed number. */
const HIGH_BITS = -0x7f7f7f80;

/** What a letter after a backslash stands for; 0 where it is no escape. */
const ESCAPES = new Uint8Array(256);
for (const [letter, character] of Object.entries({
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}))
  ESCAPES[letter.charCodeAt(0)] = character.charCodeAt(0);

/** @param json after the backslash */
function appendUnicodeEscape(json: JsonCursor, text: Utf8Buffer): boolean {
  if (json.bytes[json.at++] !== LETTER_U) return false;
  const code = fourHexDigits(json);
  if (code < 0 || isLowSurrogate(code)) return false;
  if (code < 0xd800 || code > 0xdfff) {
    text.appendCodePoint(code);
    return true;
  }
  if (json.bytes[json.at++] !== BACKSLASH || json.bytes[json.at++] !== LETTER_U) return false;
  const low = fourHexDigits(json);
  if (!isLowSurrogate(low)) return false;
  text.appendCodePoint(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
  return true;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** @returns a negative number where they are no hexadecimal digits */
function fourHexDigits(json: JsonCursor): number {
  let code = 0;
  for (let i = 0; i < 4; i++) code = (code << 4) | (HEX_DIGITS[json.bytes[json.at++] as number] as number);
  return code;
}

/** -1, which no shift makes positive, where a byte is no digit. */
const HEX_DIGITS = new Int8Array(256).fill(-1);
for (const digit of '0123456789abcdefABCDEF') HEX_DIGITS[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
