import { type CellColumn, type PlainCell, Utf8Column } from './arrow-columns.ts';
import type { Column, ColumnType } from './column-table.ts';
import { appendJsonString, type JsonCursor } from './json-string.ts';
import { Byte, closingQuote, INCOMPLETE, skipSpace } from './sources/json-row-scanner.ts';
import { Utf8Buffer } from './utf8-buffer.ts';

/**
 * Appends rows to columns straight from their JSON text: text goes from the bytes of the file to the bytes of Arrow, and
 * never is a string of JavaScript.
 *
 * It takes rows of text, numbers, true, false and null, whose structure was checked when they were indexed. A row that
 * has anything else, or is not as JSON wants it, is left to `decodeRow`, which reads all that is valid and tells what is
 * wrong with the rest.
 */
export class RowTranscriber {
  readonly #columns: readonly CellColumn[];
  readonly #types: readonly ColumnType[];
  readonly #byName: ReadonlyMap<string, number>;
  /** The keys of the last row by their place, for rows mostly repeat them. */
  readonly #keys: Key[] = [];
  /** The row in which each column was last appended to. */
  readonly #seen: Uint32Array;
  #row = 0;
  /** Takes text that no column wants, and so checks it. */
  readonly #unwanted = new Utf8Buffer(UNWANTED_BYTES);

  /** @param cells to append to, one for each of the columns */
  constructor(columns: readonly Column[], cells: readonly CellColumn[]) {
    this.#columns = cells;
    this.#types = columns.map(({ type }) => type);
    this.#byName = new Map(columns.map(({ name }, i) => [name, i]));
    this.#seen = new Uint32Array(columns.length);
  }

  /** Append one row; false, and nothing appended, for a row that is left to `decodeRow`. */
  appendRow(json: JsonCursor): boolean {
    this.#row++;
    const whole = this.#appendCells(json) && json.at === json.end;
    for (let column = 0; column < this.#columns.length; column++) {
      const appended = this.#seen[column] === this.#row;
      if (whole && !appended) this.#columns[column]?.append(null);
      else if (!whole && appended) this.#columns[column]?.dropLast();
    }
    return whole;
  }

  #appendCells(json: JsonCursor): boolean {
    const { bytes } = json;
    json.at = skipSpace(bytes, json.at + 1);
    if (bytes[json.at] === Byte.closeBrace) {
      json.at++;
      return true;
    }
    for (let place = 0; ; place++) {
      const key = this.#passKey(json, place);
      if (key === undefined) return false;
      json.at = skipSpace(bytes, json.at);
      if (bytes[json.at] !== Byte.colon) return false;
      json.at = skipSpace(bytes, json.at + 1);
      if (!this.#appendCell(json, key.column)) return false;
      json.at = skipSpace(bytes, json.at);
      const separator = bytes[json.at++];
      if (separator === Byte.closeBrace) return true;
      if (separator !== Byte.comma) return false;
      json.at = skipSpace(bytes, json.at);
    }
  }

  /** The key at hand; undefined where there is none. */
  #passKey(json: JsonCursor, place: number): Key | undefined {
    let key = this.#keys[place];
    if (!key || !standsAt(key.literal, json)) {
      key = this.#readKey(json);
      if (key === undefined) return undefined;
      this.#keys[place] = key;
    }
    json.at += key.literal.length;
    return key;
  }

  #readKey({ bytes, at }: JsonCursor): Key | undefined {
    const end = closingQuote(bytes, at + 1);
    if (end === INCOMPLETE) return undefined;
    const literal = Buffer.from(bytes.subarray(at, end + 1));
    const name = parsed(literal.toString());
    return typeof name === 'string' ? { literal, column: this.#byName.get(name) } : undefined;
  }

  #appendCell(json: JsonCursor, column: number | undefined): boolean {
    const isText = json.bytes[json.at] === Byte.quote;
    if (column === undefined) return isText ? this.#passText(json) : plainCell(json, undefined) !== undefined;
    if (this.#seen[column] === this.#row) return false;
    const cells = this.#columns[column] as CellColumn;
    if (isText) {
      json.at++;
      if (!(cells instanceof Utf8Column) || !cells.appendJson(json)) return false;
    } else {
      const cell = plainCell(json, this.#types[column]);
      if (cell === undefined) return false;
      cells.append(cell);
    }
    this.#seen[column] = this.#row;
    return true;
  }

  #passText(json: JsonCursor): boolean {
    json.at++;
    this.#unwanted.length = 0;
    return appendJsonString(json, this.#unwanted);
  }
}

const UNWANTED_BYTES = 1 << 14;

interface Key {
  /** As it stands in the text, quotation marks included. */
  literal: Buffer;
  /** Index of its column; undefined where that is not read. */
  column: number | undefined;
}

function standsAt(literal: Buffer, { bytes, at }: JsonCursor): boolean {
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
  return true;
}

/** Pass a number, true, false or null. @returns undefined where it is none that the column takes */
function plainCell(json: JsonCursor, type: ColumnType | undefined): PlainCell | undefined {
  const start = json.at;
  while (isOfToken(json.bytes[json.at])) json.at++;
  const token = json.bytes.toString('latin1', start, json.at);
  const value = parsed(token);
  if (value === null) return null;
  if (typeof value === 'boolean') return type === 'bool' || type === undefined ? value : undefined;
  if (typeof value !== 'number') return undefined;
  if (type === 'int64') return /^-?\d+$/.test(token) ? BigInt(token) : undefined;
  return type === 'float64' || type === undefined ? value : undefined;
}

/** Letters, digits and the signs of numbers. */
function isOfToken(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
  return isLetter || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}

/** What JSON text says; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
