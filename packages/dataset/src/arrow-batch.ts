import {
  type CellColumn,
  createColumn,
  Int64Column,
  MessagesColumn,
  type PlainCell,
  type Utf8Column,
} from './arrow-columns.ts';
import { recordBatchMessage } from './arrow-message.ts';
import type { Column } from './column-table.ts';
import type { JsonCursor } from './json-string.ts';
import type { Message } from './messages.ts';
import type { Cell } from './row-cells.ts';
import { RowTranscriber } from './row-transcriber.ts';

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
  /** By the index of the column; undefined where the messages are, which have a column of their own. */
  readonly #columns: (CellColumn | undefined)[];
  readonly #kept: CellColumn[];
  /** Undefined where rows hold messages, which are checked as values. */
  readonly #transcriber: RowTranscriber | undefined;
  readonly #messages: MessagesColumn;
  readonly #settings: MessageSettings;
  readonly #prefix: Uint8Array;
  readonly #rowNumbers: Int64Column | undefined;
  #rows = 0;

  /**
   * @param withRowNumbers adds the original row
   * @param batchBytes text that a batch holds, mostly
   */
  constructor(
    columns: readonly Column[],
    messages: MessageSettings,
    withRowNumbers: boolean,
    batchBytes: number,
  ) {
    const textBytes = Math.ceil(batchBytes / columns.length);
    this.#columns = columns.map(({ type }) =>
      type === 'messages' ? undefined : createColumn(type, textBytes),
    );
    this.#kept = this.#columns.filter(
      (column, i) => column !== undefined && columns[i]?.kept,
    ) as CellColumn[];
    if (!('messages' in messages)) {
      this.#transcriber = new RowTranscriber(columns, this.#columns as CellColumn[]);
    }
    this.#messages = new MessagesColumn(batchBytes);
    this.#settings = messages;
    const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
    this.#prefix = Buffer.from(prompt === undefined ? '' : `${prompt}\n\n`);
    this.#rowNumbers = withRowNumbers ? new Int64Column() : undefined;
  }

  /** Appended since the last batch. */
  get rows(): number {
    return this.#rows;
  }

  /** Append a row given by its cells. */
  append(cells: readonly Cell[], originalRow: number): void {
    for (let i = 0; i < cells.length; i++) this.#columns[i]?.append(cells[i] as PlainCell);
    if ('messages' in this.#settings) {
      const conversation = cells[this.#settings.messages] as Message[];
      for (const { content, role } of conversation) this.#messages.addText(content, role);
    } else this.#appendTexts(this.#settings);
    this.#endRow(originalRow);
  }

  /** Append a row given by its JSON text. @returns whether that was done: for other rows there is `append` */
  appendJson(json: JsonCursor, originalRow: number): boolean {
    if ('messages' in this.#settings || !this.#transcriber?.appendRow(json)) return false;
    this.#appendTexts(this.#settings);
    this.#endRow(originalRow);
    return true;
  }

  /** UTF-8 of a text column in the row appended last, valid until the next one; null where it holds null. */
  lastText(column: number): Buffer | null {
    return (this.#columns[column] as Utf8Column).last();
  }

  /** The message of the batch, in pieces. */
  finish(): Uint8Array[] {
    for (const column of this.#columns) if (column && !this.#kept.includes(column)) column.finish();
    const columns = [...this.#kept, this.#messages, ...(this.#rowNumbers ? [this.#rowNumbers] : [])];
    const rows = this.#rows;
    this.#rows = 0;
    return recordBatchMessage(
      rows,
      columns.map((column) => column.finish()),
    );
  }

  #appendTexts({ user, assistant }: { user: number; assistant: number }): void {
    this.#messages.addBytes('user', this.#prefix, this.lastText(user) as Uint8Array);
    this.#messages.addBytes('assistant', this.lastText(assistant) as Uint8Array);
  }

  #endRow(originalRow: number): void {
    this.#messages.endRow();
    this.#rowNumbers?.append(BigInt(originalRow));
    this.#rows++;
  }
}
