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
import type { Message } from './messages.ts';
import type { Cell } from './row-reader.ts';

/** How the messages are made from a row: of two text columns, or they stand there. Columns go by their index. */
export type MessageSettings =
  | {
      /** Text put before the user column, with a blank line between; none when undefined. */
      systemPrompt: string | undefined;
      user: number;
      assistant: number;
    }
  | { messages: number };

/**
 * Builds record batches of the prepared frame: the source's columns, `messages`, and with a split the original row.
 *
 * A batch shares the builder's buffers: it is valid until the next row is appended after `finish`.
 */
export class FrameBuilder {
  readonly schema: Schema;
  /** By the index of the column; undefined where the messages are, which have a column of their own. */
  readonly #columns: (CellColumn | undefined)[];
  readonly #kept: CellColumn[];
  readonly #messages: MessagesColumn;
  readonly #settings: MessageSettings;
  readonly #prefix: Uint8Array;
  readonly #rowNumbers: Int64Column | undefined;
  #rows = 0;

  constructor(columns: readonly Column[], messages: MessageSettings, schema: Schema) {
    this.schema = schema;
    this.#columns = columns.map(({ type }) => (type === 'messages' ? undefined : createColumn(type)));
    this.#kept = this.#columns.filter(
      (column, i) => column !== undefined && columns[i]?.kept,
    ) as CellColumn[];
    this.#messages = new MessagesColumn();
    this.#settings = messages;
    const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
    this.#prefix = Buffer.from(prompt === undefined ? '' : `${prompt}\n\n`);
    this.#rowNumbers = schema.fields.some(({ name }) => name === INDEX_COLUMN)
      ? new Int64Column()
      : undefined;
  }

  append(cells: readonly Cell[], originalRow: number): void {
    for (let i = 0; i < cells.length; i++) this.#columns[i]?.append(cells[i] as PlainCell);
    this.#appendMessages(cells);
    this.#rowNumbers?.append(BigInt(originalRow));
    this.#rows++;
  }

  /** UTF-8 of a text column in the row appended last. @param column its index */
  lastText(column: number): Uint8Array {
    return (this.#columns[column] as Utf8Column).last();
  }

  finish(): RecordBatch {
    for (const column of this.#columns) if (column && !this.#kept.includes(column)) column.finish();
    const children: Data[] = this.#kept.map((column) => column.finish());
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

  #appendMessages(cells: readonly Cell[]): void {
    if ('messages' in this.#settings) {
      const conversation = cells[this.#settings.messages] as Message[];
      for (const { content, role } of conversation) this.#messages.addText(content, role);
    } else {
      const { user, assistant } = this.#settings;
      this.#messages.addBytes('user', this.#prefix, this.lastText(user));
      this.#messages.addBytes('assistant', this.lastText(assistant));
    }
    this.#messages.endRow();
  }
}

/** Fields of the prepared frame. @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
export function frameFields(columns: readonly Column[], withRowNumbers: boolean): Field[] {
  const fields = columns
    .filter(({ kept }) => kept)
    .map(({ name, type }) => new Field(name, ARROW_TYPES[type](), true));
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
  messages: messagesType,
};

function messagesType(): List<Struct> {
  const message = new Struct([new Field('content', new Utf8(), true), new Field('role', new Utf8(), true)]);
  return new List(new Field('item', message, true));
}

type PlainCell = Exclude<Cell, Message[]>;

interface CellColumn {
  append(cell: PlainCell): void;
  /** The column's data; the column is empty again. */
  finish(): Data;
}

function createColumn(type: Exclude<ColumnType, 'messages'>): CellColumn {
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

  append(cell: PlainCell): void {
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

  append(cell: PlainCell): void {
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

  append(cell: PlainCell): void {
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

  append(cell: PlainCell): void {
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

/** A list of messages a row. */
class MessagesColumn {
  readonly #content = new Utf8Column();
  readonly #role = new Utf8Column();
  #ends = [0];
  #messages = 0;

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

  finish(): Data<List<Struct>> {
    const type = messagesType();
    const child = makeData({
      type: type.children[0]?.type as Struct,
      length: this.#messages,
      nullCount: 0,
      children: [this.#content.finish(), this.#role.finish()],
    });
    const valueOffsets = Int32Array.from(this.#ends);
    this.#ends = [0];
    this.#messages = 0;
    return makeData({ type, length: valueOffsets.length - 1, nullCount: 0, valueOffsets, child });
  }
}
