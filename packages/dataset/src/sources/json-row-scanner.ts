import { CellKind, type ColumnTable, RowFault } from '../column-table.ts';

/** The buffer ends inside the row. */
export const INCOMPLETE = -1;

/**
 * Scan one JSON object without decoding its text: check its structure, and note its columns and kinds of cells.
 *
 * Long strings are crossed with `Buffer.indexOf`, so the speed is that of a memory scan.
 *
 * @param buffer bytes of the file; the row starts at `start` with `{`
 * @returns offset after the row's `}`, or `INCOMPLETE`; then the caller scans the row again with more bytes
 * @throws RowFault with the offset in `buffer`
 */
export function scanJsonRow(buffer: Buffer, start: number, row: number, columns: ColumnTable): number {
  columns.beginRow(row);
  let at = skipSpace(buffer, start + 1);
  if (buffer[at] === Byte.closeBrace) {
    columns.endRow();
    return at + 1;
  }
  for (;;) {
    if (at >= buffer.length) return INCOMPLETE;
    if (buffer[at] !== Byte.quote) throw unexpected(buffer, at, 'a key in double quotes');
    const keyEnd = closingQuote(buffer, at + 1);
    if (keyEnd === INCOMPLETE) return INCOMPLETE;
    const colon = skipSpace(buffer, keyEnd + 1);
    if (colon >= buffer.length) return INCOMPLETE;
    if (buffer[colon] !== Byte.colon) throw unexpected(buffer, colon, '":" after the key');

    const valueStart = skipSpace(buffer, colon + 1);
    const valueEnd = scanValue(buffer, valueStart);
    if (valueEnd === INCOMPLETE) return INCOMPLETE;
    try {
      columns.cell(columns.columnOfKey(buffer, at + 1, keyEnd), kindOf(buffer, valueStart, valueEnd));
    } catch (error) {
      throw error instanceof RowFault
        ? new RowFault(error.message, error.hint, error.at ?? valueStart)
        : error;
    }

    at = skipSpace(buffer, valueEnd);
    if (at >= buffer.length) return INCOMPLETE;
    if (buffer[at] === Byte.closeBrace) {
      columns.endRow();
      return at + 1;
    }
    if (buffer[at] !== Byte.comma) throw unexpected(buffer, at, '"," or "}" after the value');
    at = skipSpace(buffer, at + 1);
    if (buffer[at] === Byte.closeBrace) throw unexpected(buffer, at, 'another key after ","');
  }
}

export const Byte = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** Offset of the first byte from `at` on that is not JSON white space. */
export function skipSpace(buffer: Buffer, at: number): number {
  let next = at;
  for (;;) {
    const byte = buffer[next];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return next;
    next++;
  }
}

/** Fault that shows the text found at `at` and names what should stand there. */
export function unexpected(buffer: Buffer, at: number, expected: string): RowFault {
  const found = JSON.stringify(buffer.toString('utf8', at, at + 24));
  const literal = /^"(NaN|-?Infinity|None|True|False|undefined)\b/.exec(found)?.[1];
  const hint = literal
    ? `${literal} is not JSON; write null, true, false or a number.`
    : found.startsWith('"\ufeff')
      ? 'A byte order mark is there, as where files were joined: remove it, or name the files one by one.'
      : 'Correct the file there, or export it again as JSON.';
  return new RowFault(`found ${found} where ${expected} should stand`, hint, at);
}

/** Strings shorter than this are walked byte by byte: a call of `indexOf` costs more. */
const SHORT_STRING = 32;

export function closingQuote(buffer: Buffer, from: number): number {
  let at = from;
  for (const near = Math.min(buffer.length, from + SHORT_STRING); at < near; at++) {
    if (buffer[at] === Byte.quote) return at;
    if (buffer[at] === Byte.backslash) at++;
  }
  for (
    let quote = buffer.indexOf(Byte.quote, at);
    quote !== -1;
    quote = buffer.indexOf(Byte.quote, quote + 1)
  ) {
    let before = quote - 1;
    while (before >= at && buffer[before] === Byte.backslash) before--;
    if ((quote - before) % 2 === 1) return quote;
  }
  return INCOMPLETE;
}

function scanValue(buffer: Buffer, at: number): number {
  const byte = buffer[at];
  if (byte === undefined) return INCOMPLETE;
  if (byte === Byte.quote) {
    const end = closingQuote(buffer, at + 1);
    return end === INCOMPLETE ? INCOMPLETE : end + 1;
  }
  if (byte === Byte.minus || isDigit(byte)) return scanNumber(buffer, at);
  if (byte === Byte.openBrace || byte === Byte.openBracket) return nestedEnd(buffer, at);
  for (const literal of LITERALS) {
    if (byte !== literal[0]) continue;
    if (buffer.length - at < literal.length) return INCOMPLETE;
    if (literal.equals(buffer.subarray(at, at + literal.length))) return at + literal.length;
  }
  throw unexpected(buffer, at, 'a value');
}

/** Offset after an object or array. What stands in it is checked when it is decoded. */
function nestedEnd(buffer: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < buffer.length; at++) {
    const byte = buffer[at];
    if (byte === Byte.quote) {
      at = closingQuote(buffer, at + 1);
      if (at === INCOMPLETE) return INCOMPLETE;
    } else if (byte === Byte.openBrace || byte === Byte.openBracket) depth++;
    else if ((byte === Byte.closeBrace || byte === Byte.closeBracket) && --depth === 0) return at + 1;
  }
  return INCOMPLETE;
}

const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];

function scanNumber(buffer: Buffer, start: number): number {
  let at = buffer[start] === Byte.minus ? start + 1 : start;
  const firstDigit = buffer[at];
  at = skipDigits(buffer, at);
  if (firstDigit === Byte.zero) at = Math.min(at, start + (buffer[start] === Byte.minus ? 2 : 1));
  if (buffer[at] === Byte.dot) at = skipDigits(buffer, at + 1);
  if (((buffer[at] ?? 0) | 0x20) === 0x65) {
    at++;
    if (buffer[at] === 0x2b || buffer[at] === Byte.minus) at++;
    at = skipDigits(buffer, at);
  }
  if (at >= buffer.length) return INCOMPLETE;
  if (!isDigit(buffer[at - 1])) throw unexpected(buffer, start, 'a number in JSON form');
  return at;
}

function skipDigits(buffer: Buffer, at: number): number {
  let next = at;
  while (isDigit(buffer[next])) next++;
  return next;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function kindOf(buffer: Buffer, start: number, end: number): number {
  switch (buffer[start]) {
    case Byte.quote:
      return CellKind.string;
    case Byte.openBrace:
      return CellKind.object;
    case Byte.openBracket:
      return CellKind.list;
    case 0x6e:
      return CellKind.null;
    case 0x74:
    case 0x66:
      return CellKind.boolean;
    default:
      return numberKind(buffer.toString('latin1', start, end), start);
  }
}

function numberKind(text: string, at: number): number {
  if (/[.eE]/.test(text)) return CellKind.float;
  if (text.length > 18 && BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
    throw new RowFault(
      `found the integer ${text.slice(0, 40)}, which needs more than 64 bits`,
      'Write it as a string.',
      at,
    );
  }
  return CellKind.integer;
}
