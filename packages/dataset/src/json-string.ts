import type { Utf8Buffer } from './utf8-buffer.ts';

/** JSON text that is read from one place onwards. */
export interface JsonCursor {
  readonly bytes: Buffer;
  /** The same bytes, as numbers of several of them. */
  readonly view: DataView;
  /** Where the next byte is read. */
  at: number;
  /** Where the text ends. */
  end: number;
}

/**
 * Append what a JSON string says to a text, without a string of JavaScript between: four bytes at a time up to the next
 * escape, so the speed is near that of a copy.
 *
 * @param json after the opening quotation mark; when it returns true, after the closing one
 * @returns false, with a part of the string appended, where JSON does not allow it or it has no UTF-8 form
 */
export function appendJsonString(json: JsonCursor, text: Utf8Buffer): boolean {
  for (;;) {
    copyPlain(json, text);
    if (json.at >= json.end) return false;
    const byte = json.bytes[json.at++];
    if (byte === QUOTE) return true;
    if (byte !== BACKSLASH || !appendEscaped(json, text)) return false;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** Bytes made room for at a time. */
const STEP_BYTES = 1 << 12;

/** Copy up to the next quotation mark, backslash or control character, or the end of the text. */
function copyPlain(json: JsonCursor, text: Utf8Buffer): void {
  for (;;) {
    text.reserve(STEP_BYTES);
    const start = json.at;
    const end = Math.min(json.end, start + text.bytes.length - text.length);
    const at = copyUntilSpecial(json, end, text);
    json.at = at;
    text.length += at - start;
    if (at < end || at >= json.end) return;
  }
}

/** @returns where it stopped: at a special byte, or at `end` */
function copyUntilSpecial(json: JsonCursor, end: number, text: Utf8Buffer): number {
  const { bytes, view, at: start } = json;
  const { bytes: target, view: targetView, length } = text;
  const shift = length - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    if (hasSpecial(word)) break;
    targetView.setInt32(at + shift, word, true);
  }
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) break;
    target[at + shift] = byte;
  }
  return at;
}

/**
 * Whether one of four bytes is a quotation mark, a backslash or a control character. `(x - 1…) & ~x & 0x80…` is not 0
 * when a byte of x is 0, and so for "below n"; with bit 1 turned, quotation mark and control characters are below 0x21.
 */
function hasSpecial(word: number): boolean {
  const turned = word ^ 0x02020202;
  const slashes = word ^ 0x5c5c5c5c;
  const below = ((turned - 0x21212121) & ~turned) | ((slashes - 0x01010101) & ~slashes);
  return (below & HIGH_BITS) !== 0;
}

/** 0x80808080 as a signed number. */
const HIGH_BITS = -0x7f7f7f80;

/** @param json after the backslash */
function appendEscaped(json: JsonCursor, text: Utf8Buffer): boolean {
  const letter = json.bytes[json.at++] as number;
  if (letter === LETTER_U) return appendUnicodeEscape(json, text);
  const byte = ESCAPES[letter] as number;
  if (byte === 0) return false;
  text.reserve(1);
  text.bytes[text.length++] = byte;
  return true;
}

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

/** @param json after the `u` */
function appendUnicodeEscape(json: JsonCursor, text: Utf8Buffer): boolean {
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
