import {
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  Int64,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow';
import { type Column, type ColumnType, INDEX_COLUMN, MESSAGES_COLUMN } from './column-table.ts';
import type { Cell } from './row-reader.ts';

/** How the messages are made from a row. */
export interface MessageSettings {
  /** Text put before the user column, with a blank line between; none when undefined. */
  systemPrompt: string | undefined;
  /** Index of the user column. */
  user: number;
  /** Index of the assistant column. */
  assistant: number;
}

/**
 * Builds record batches of the prepared frame: the source's columns, `messages`, and with a split the original row.
 *
 * A batch shares the builder's buffers: it is valid until the next row is appended after `finish`.
 */
export class FrameBuilder {
  readonly schema: Schema;
  readonly #columns: CellColumn[];
  readonly #messages: MessagesColumn;
  readonly #rowNumbers: Int64Column | undefined;
  #rows = 0;

  constructor(columns: readonly Column[], messages: MessageSettings, schema: Schema) {
    this.schema = schema;
    this.#columns = columns.map(({ type }) => createColumn(type));
    const text = (index: number) => this.#columns[index] as Utf8Column;
    this.#messages = new MessagesColumn(messages.systemPrompt, text(messages.user), text(messages.assistant));
    this.#rowNumbers = schema.fields.some(({ name }) => name === INDEX_COLUMN)
      ? new Int64Column()
      : undefined;
  }

  append(cells: readonly Cell[], originalRow: number): void {
    for (let i = 0; i < cells.length; i++) this.#columns[i]?.append(cells[i] as Cell);
    this.#messages.append();
    this.#rowNumbers?.append(BigInt(originalRow));
    this.#rows++;
  }

  /** UTF-8 of a text column in the row appended last. @param column its index */
  lastText(column: number): Uint8Array {
    return (this.#columns[column] as Utf8Column).last();
  }

  finish(): RecordBatch {
    const children: Data[] = this.#columns.map((column) => column.finish());
    children.push(this.#messages.finish());
    if (this.#rowNumbers) children.push(this.#rowNumbers.finish());
    const type = new Struct(this.schema.fields);
    const batch = new RecordBatch(
      this.schema,
      makeData({ type, length: this.#rows, nullCount: 0, children }),
    );
    this.#rows = 0;
    return batch;
  }
}

/** Fields of the prepared frame. @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
export function frameFields(columns: readonly Column[], withRowNumbers: boolean): Field[] {
  const fields = columns.map(({ name, type }) => new Field(name, ARROW_TYPES[type](), true));
  fields.push(new Field(MESSAGES_COLUMN, messagesType(), true));
  if (withRowNumbers) fields.push(new Field(INDEX_COLUMN, new Int64(), true));
  return fields;
}

const ARROW_TYPES: Record<ColumnType, () => DataType> = {
  string: () => new Utf8(),
  int64: () => new Int64(),
  float64: () => new Float64(),
  bool: () => new Bool(),
  null: () => new Null(),
};

function messagesType(): List<Struct> {
  const message = new Struct([new Field('content', new Utf8(), true), new Field('role', new Utf8(), true)]);
  return new List(new Field('item', message, true));
}

interface CellColumn {
  append(cell: Cell): void;
  /** The column's data; the column is empty again. */
  finish(): Data;
}

function createColumn(type: ColumnType): CellColumn {
  switch (type) {
    case 'string':
      return new Utf8Column();
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

  /** The first `rows` bits in whole bytes, those beyond cleared. */
  finish(rows: number): Uint8Array {
    const bytes = this.#bytes.slice(0, (rows + 7) >> 3);
    if (rows % 8 !== 0) (bytes[bytes.length - 1] as number) &= (1 << (rows % 8)) - 1;
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

  finish(): { length: number; nullCount: number; nullBitmap: Uint8Array | null } {
    const length = this.#rows;
    const nullCount = this.#nulls;
    this.#rows = 0;
    this.#nulls = 0;
    return { length, nullCount, nullBitmap: nullCount > 0 ? this.#bits.finish(length) : null };
  }
}

/** Text as UTF-8, appended as a string or copied as bytes from another column. */
class Utf8Column implements CellColumn {
  readonly #validity = new Validity();
  #bytes = Buffer.allocUnsafe(1 << 16);
  #offsets = new Int32Array(1024);
  #rows = 0;
  #filled = 0;

  append(cell: Cell): void {
    if (cell !== null) {
      const text = cell as string;
      this.#reserve(text.length * 3);
      this.#filled += this.#bytes.write(text, this.#filled, 'utf8');
    }
    this.#endCell(cell !== null);
  }

  /** Append one cell made of pieces of UTF-8. */
  appendBytes(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#reserve(piece.length);
      this.#bytes.set(piece, this.#filled);
      this.#filled += piece.length;
    }
    this.#endCell(true);
  }

  /** UTF-8 of the cell appended last. */
  last(): Uint8Array {
    return this.#bytes.subarray(this.#offsets[this.#rows - 1], this.#filled);
  }

  finish(): Data<Utf8> {
    const data = makeData({
      type: new Utf8(),
      ...this.#validity.finish(),
      valueOffsets: this.#offsets.subarray(0, this.#rows + 1),
      data: this.#bytes.subarray(0, this.#filled),
    });
    this.#rows = 0;
    this.#filled = 0;
    return data;
  }

  #endCell(valid: boolean): void {
    if (this.#rows + 2 > this.#offsets.length) {
      const offsets = new Int32Array(this.#offsets.length * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#offsets[++this.#rows] = this.#filled;
    this.#validity.append(valid);
  }

  #reserve(bytes: number): void {
    if (this.#filled + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#filled + bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#filled);
    this.#bytes = grown;
  }
}

class Int64Column implements CellColumn {
  readonly #validity = new Validity();
  #values: bigint[] = [];

  append(cell: Cell): void {
    this.#values.push((cell as bigint | null) ?? 0n);
    this.#validity.append(cell !== null);
  }

  finish(): Data<Int64> {
    const data = BigInt64Array.from(this.#values);
    this.#values = [];
    return makeData({ type: new Int64(), ...this.#validity.finish(), data });
  }
}

class Float64Column implements CellColumn {
  readonly #validity = new Validity();
  #values: number[] = [];

  append(cell: Cell): void {
    this.#values.push((cell as number | null) ?? 0);
    this.#validity.append(cell !== null);
  }

  finish(): Data<Float64> {
    const data = Float64Array.from(this.#values);
    this.#values = [];
    return makeData({ type: new Float64(), ...this.#validity.finish(), data });
  }
}

class BoolColumn implements CellColumn {
  readonly #validity = new Validity();
  readonly #bits = new Bits();
  #rows = 0;

  append(cell: Cell): void {
    this.#bits.set(this.#rows++, cell === true);
    this.#validity.append(cell !== null);
  }

  finish(): Data<Bool> {
    const data = this.#bits.finish(this.#rows);
    this.#rows = 0;
    return makeData({ type: new Bool(), ...this.#validity.finish(), data });
  }
}

class NullColumn implements CellColumn {
  #rows = 0;

  append(): void {
    this.#rows++;
  }

  finish(): Data<Null> {
    const length = this.#rows;
    this.#rows = 0;
    return makeData({ type: new Null(), length, nullCount: length });
  }
}

/** Two messages a row, copied from the columns that hold their text. */
class MessagesColumn {
  readonly #prefix: Uint8Array;
  readonly #user: Utf8Column;
  readonly #assistant: Utf8Column;
  readonly #content = new Utf8Column();
  readonly #role = new Utf8Column();
  #rows = 0;

  constructor(systemPrompt: string | undefined, user: Utf8Column, assistant: Utf8Column) {
    this.#prefix = Buffer.from(systemPrompt === undefined ? '' : `${systemPrompt}\n\n`);
    this.#user = user;
    this.#assistant = assistant;
  }

  append(): void {
    this.#content.appendBytes(this.#prefix, this.#user.last());
    this.#content.appendBytes(this.#assistant.last());
    this.#role.append('user');
    this.#role.append('assistant');
    this.#rows++;
  }

  finish(): Data<List<Struct>> {
    const rows = this.#rows;
    this.#rows = 0;
    const type = messagesType();
    const message = type.children[0]?.type as Struct;
    const child = makeData({
      type: message,
      length: rows * 2,
      nullCount: 0,
      children: [this.#content.finish(), this.#role.finish()],
    });
    const valueOffsets = Int32Array.from({ length: rows + 1 }, (_, i) => i * 2);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
  }
}
