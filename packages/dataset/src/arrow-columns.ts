import { type ArrowArray, bytesOf } from './arrow-message.ts';
import type { ColumnType } from './column-table.ts';
import { appendJsonString, type JsonCursor } from './json-string.ts';
import type { Message } from './messages.ts';
import type { Cell } from './row-cells.ts';
import { Utf8Buffer } from './utf8-buffer.ts';

/** A cell of a column that is no list. */
export type PlainCell = Exclude<Cell, Message[]>;

/** Cells of one column of a record batch to be. */
export interface CellColumn {
  append(cell: PlainCell): void;
  /** Take the cell appended last back. */
  dropLast(): void;
  /** The column, valid until the next cell is appended; it is empty again. */
  finish(): ArrowArray;
}

/** @param textBytes storage that a column of text begins with */
export function createColumn(type: Exclude<ColumnType, 'messages'>, textBytes: number): CellColumn {
  switch (type) {
    case 'string':
      return new Utf8Column(textBytes);
    case 'int64':
      return new Int64Column();
    case 'float64':
      return new Float64Column();
    case 'bool':
      return new BoolColumn();
    case 'null':
      return new NullColumn();
  }
}

/** Bits, one a row, set where a condition holds. */
class Bits {
  #bytes = new Uint8Array(128);

  set(row: number, on: boolean): void {
    if (row >> 3 >= this.#bytes.length) {
      const bytes = new Uint8Array(this.#bytes.length * 2);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    if (on) (this.#bytes[row >> 3] as number) |= 1 << (row & 7);
    else (this.#bytes[row >> 3] as number) &= ~(1 << (row & 7));
  }

  isSet(row: number): boolean {
    return ((this.#bytes[row >> 3] as number) & (1 << (row & 7))) !== 0;
  }

  /** The first `rows` bits in whole words, those beyond cleared. */
  finish(rows: number): Uint8Array {
    const bytes = new Uint8Array(8 * Math.ceil(rows / 64));
    bytes.set(this.#bytes.subarray(0, (rows + 7) >> 3));
    if (rows % 8 !== 0) (bytes[rows >> 3] as number) &= (1 << (rows % 8)) - 1;
    return bytes;
  }
}

/** Which cells hold a value. */
class Validity {
  readonly #bits = new Bits();
  #rows = 0;
  #nulls = 0;

  append(valid: boolean): void {
    this.#bits.set(this.#rows++, valid);
    if (!valid) this.#nulls++;
  }

  dropLast(): void {
    if (!this.last()) this.#nulls--;
    this.#rows--;
  }

  /** Whether the last cell holds a value. */
  last(): boolean {
    return this.#bits.isSet(this.#rows - 1);
  }

  /** @param values the column's other buffers */
  finish(...values: Uint8Array[]): ArrowArray {
    const length = this.#rows;
    const nullCount = this.#nulls;
    this.#rows = 0;
    this.#nulls = 0;
    const valid = nullCount > 0 ? this.#bits.finish(length) : new Uint8Array(0);
    return { length, nullCount, buffers: [valid, ...values] };
  }
}

/** Text as UTF-8, appended as a string, from JSON text, or copied as bytes from another column. */
export class Utf8Column implements CellColumn {
  readonly #validity = new Validity();
  readonly #text: Utf8Buffer;
  #offsets = new Int32Array(1024);
  #rows = 0;

  /** @param bytes storage to begin with */
  constructor(bytes: number) {
    this.#text = new Utf8Buffer(bytes);
  }

  append(cell: PlainCell): void {
    if (cell !== null) this.#text.write(cell as string);
    this.#endCell(cell !== null);
  }

  /** Append one cell made of pieces of UTF-8. */
  appendBytes(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.#text.append(piece);
    this.#endCell(true);
  }

  /** Append what a JSON string says, as {@link appendJsonString} does; false, and nothing appended, where that fails. */
  appendJson(json: JsonCursor): boolean {
    if (appendJsonString(json, this.#text)) {
      this.#endCell(true);
      return true;
    }
    this.#text.length = this.#offsets[this.#rows] as number;
    return false;
  }

  dropLast(): void {
    this.#text.length = this.#offsets[--this.#rows] as number;
    this.#validity.dropLast();
  }

  /** UTF-8 of the cell appended last; null where it is null. Valid until the next one is appended. */
  last(): Buffer | null {
    if (!this.#validity.last()) return null;
    return this.#text.bytes.subarray(this.#offsets[this.#rows - 1], this.#text.length);
  }

  finish(): ArrowArray {
    const array = this.#validity.finish(
      bytesOf(this.#offsets.subarray(0, this.#rows + 1)),
      this.#text.bytes.subarray(0, this.#text.length),
    );
    this.#rows = 0;
    this.#text.length = 0;
    return array;
  }

  #endCell(valid: boolean): void {
    if (this.#rows + 2 > this.#offsets.length) {
      const offsets = new Int32Array(this.#offsets.length * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#offsets[++this.#rows] = this.#text.length;
    this.#validity.append(valid);
  }
}

export class Int64Column implements CellColumn {
  readonly #validity = new Validity();
  #values: bigint[] = [];

  append(cell: PlainCell): void {
    this.#values.push((cell as bigint | null) ?? 0n);
    this.#validity.append(cell !== null);
  }

  dropLast(): void {
    this.#values.pop();
    this.#validity.dropLast();
  }

  finish(): ArrowArray {
    const values = BigInt64Array.from(this.#values);
    this.#values = [];
    return this.#validity.finish(bytesOf(values));
  }
}

class Float64Column implements CellColumn {
  readonly #validity = new Validity();
  #values: number[] = [];

  append(cell: PlainCell): void {
    this.#values.push((cell as number | null) ?? 0);
    this.#validity.append(cell !== null);
  }

  dropLast(): void {
    this.#values.pop();
    this.#validity.dropLast();
  }

  finish(): ArrowArray {
    const values = Float64Array.from(this.#values);
    this.#values = [];
    return this.#validity.finish(bytesOf(values));
  }
}

class BoolColumn implements CellColumn {
  readonly #validity = new Validity();
  readonly #bits = new Bits();
  #rows = 0;

  append(cell: PlainCell): void {
    this.#bits.set(this.#rows++, cell === true);
    this.#validity.append(cell !== null);
  }

  dropLast(): void {
    this.#rows--;
    this.#validity.dropLast();
  }

  finish(): ArrowArray {
    const bits = this.#bits.finish(this.#rows);
    this.#rows = 0;
    return this.#validity.finish(bits);
  }
}

class NullColumn implements CellColumn {
  #rows = 0;

  append(): void {
    this.#rows++;
  }

  dropLast(): void {
    this.#rows--;
  }

  finish(): ArrowArray {
    const length = this.#rows;
    this.#rows = 0;
    return { length, nullCount: length, buffers: [] };
  }
}

/** A list of messages a row. */
export class MessagesColumn {
  readonly #content: Utf8Column;
  readonly #role = new Utf8Column(ROLE_BYTES);
  #ends = [0];
  #messages = 0;

  /** @param bytes storage for text to begin with */
  constructor(bytes: number) {
    this.#content = new Utf8Column(bytes);
  }

  addText(content: string, role: string): void {
    this.#content.append(content);
    this.#role.append(role);
    this.#messages++;
  }

  /** Add a message whose content is made of pieces of UTF-8. */
  addBytes(role: string, ...pieces: readonly Uint8Array[]): void {
    this.#content.appendBytes(...pieces);
    this.#role.append(role);
    this.#messages++;
  }

  endRow(): void {
    this.#ends.push(this.#messages);
  }

  finish(): ArrowArray {
    const noNulls = new Uint8Array(0);
    const messages: ArrowArray = {
      length: this.#messages,
      nullCount: 0,
      buffers: [noNulls],
      children: [this.#content.finish(), this.#role.finish()],
    };
    const ends = Int32Array.from(this.#ends);
    this.#ends = [0];
    this.#messages = 0;
    return { length: ends.length - 1, nullCount: 0, buffers: [noNulls, bytesOf(ends)], children: [messages] };
  }
}

/** For two messages in each of 1,000 rows. */
const ROLE_BYTES = 1 << 14;
