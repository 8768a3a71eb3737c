import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { openFile } from '@prometheus-actions/stage/confined-files';
import { mayQuote } from '@prometheus-actions/stage/confinement';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import {
  byteName,
  firstInvalidByte,
  foreignStart,
  START_BYTES,
  UTF8_MARK,
} from '@prometheus-actions/stage/text-file';
import { type ColumnTable, RowFault } from '../column-table.ts';
import type { RowIndex, RowSource } from '../row-index.ts';
import { Byte, INCOMPLETE, scanJsonRow, skipSpace, unexpected } from './json-row-scanner.ts';
import { TextWindow } from './text-window.ts';

/** What a source needs while it walks its files. */
export interface ScanContext {
  columns: ColumnTable;
  index: RowIndex;
  /** Rows to index at most, over all files. */
  limit: number;
  signal?: AbortSignal | undefined;
  /** Called with the bytes just crossed. */
  onBytes: (bytes: number) => void;
}

/** JSON text to index: a file, or a part of one. */
export interface JsonText {
  /** The file as the user knows it. */
  path: string;
  handle: FileHandle;
  /** First byte of the text in the file of the handle. */
  start: number;
  /** Byte after the last one. */
  end: number;
  /** What an offset from `start` is called. */
  unit: NonNullable<RowSource['unit']>;
}

/**
 * Index the rows of a JSON array of objects, or of JSON Lines, one object after the other: one pass, a window of a
 * MiB in memory. Which of the two it is shows in the first byte.
 *
 * @param windowBytes bytes held at a time; grows to the longest row
 * @throws ConfigurationError with row number and byte offset, when the text is neither or a row does not fit
 */
export async function indexJsonRows(
  text: JsonText,
  context: ScanContext,
  windowBytes = 1 << 20,
): Promise<void> {
  context.columns.beginFile(text.path);
  await new JsonScan(text, context, windowBytes).run();
}

/** Index a file of JSON rows, which stay where they are. Throws as {@link indexJsonRows}. */
export async function indexJsonFile(path: string, context: ScanContext, windowBytes?: number): Promise<void> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const unit = 'byte';
    context.index.beginSource({ path, unit });
    await indexJsonRows({ path, handle, start: 0, end: size, unit }, context, windowBytes);
  } finally {
    await handle.close();
  }
}

/** A longer row would not fit V8's longest string with room to spare. */
const MAX_ROW_BYTES = 256 << 20;

class JsonScan {
  readonly #text: JsonText;
  readonly #context: ScanContext;
  readonly #firstRow: number;
  readonly #window: TextWindow;
  /** Offset in the window. */
  #at = 0;

  constructor(text: JsonText, context: ScanContext, windowBytes: number) {
    this.#text = text;
    this.#context = context;
    this.#firstRow = context.index.rows;
    this.#window = new TextWindow(text.handle, text.start, text.end, windowBytes);
  }

  async run(): Promise<void> {
    await this.#passStart();
    const first = await this.#peek();
    if (first === undefined) {
      throw this.#fileFault(
        new RowFault('the file is empty', 'Give a file that holds rows: [{…}, {…}], or {…} one a line.'),
      );
    }
    if (first === Byte.openBrace) return this.#lines();
    if (first === Byte.openBracket) return this.#array();
    const { message } = unexpected(
      this.#window.bytes,
      this.#at,
      '"[", the start of a JSON array, or "{", the start of a row,',
    );
    throw this.#fileFault(
      new RowFault(message, 'Give a JSON array, JSON Lines, Parquet or Arrow.', this.#at),
    );
  }

  /** Pass a byte order mark; offsets stay those of the file. */
  async #passStart(): Promise<void> {
    while (this.#window.bytes.length < START_BYTES && (await this.#refill()));
    const foreign = foreignStart(this.#window.bytes);
    if (foreign) throw this.#fileFault(new RowFault(foreign.problem, foreign.hint, 0));
    if (UTF8_MARK.equals(this.#window.bytes.subarray(0, UTF8_MARK.length))) this.#at = UTF8_MARK.length;
  }

  async #array(): Promise<void> {
    this.#at++;
    if ((await this.#peek()) === Byte.closeBracket) throw this.#fileFault(this.#emptyArray());
    for (;;) {
      if (!this.#rowInWindow()) await this.#row();
      if (this.#isFull()) return;
      const separator = this.#peekInWindow() ?? (await this.#peek());
      if (separator === undefined) throw this.#fault(this.#truncated('after a row'));
      if (separator === Byte.closeBracket) break;
      if (separator !== Byte.comma) throw this.#fault(this.#noSeparator());
      this.#at++;
      if ((this.#peekInWindow() ?? (await this.#peek())) === Byte.closeBracket) {
        throw this.#fault(unexpected(this.#window.bytes, this.#at, 'another row after ","'));
      }
    }
    this.#at++;
    if ((await this.#peek()) !== undefined) {
      throw this.#fileFault(unexpected(this.#window.bytes, this.#at, 'the end of the file, after the array'));
    }
  }

  async #lines(): Promise<void> {
    do if (!this.#rowInWindow()) await this.#row();
    while (!this.#isFull() && (this.#peekInWindow() ?? (await this.#peek())) !== undefined);
  }

  #isFull(): boolean {
    return this.#context.index.rows >= this.#context.limit;
  }

  /** Index the row that starts at the next byte, reading on to its end. */
  async #row(): Promise<void> {
    if ((await this.#peek()) === undefined) throw this.#fault(this.#truncated('where a row should start'));
    while (!this.#rowInWindow())
      if (!(await this.#refill())) throw this.#fault(this.#truncated('inside the row'));
  }

  /** Index the row that starts at the next byte; false when the window ends before it does. */
  #rowInWindow(): boolean {
    const { index, columns } = this.#context;
    const start = this.#peekInWindow();
    if (start === undefined) return false;
    const end = this.#scan(start, columns);
    if (end === INCOMPLETE) return false;
    if (!isUtf8(this.#window.bytes.subarray(this.#at, end))) throw this.#fault(this.#notUtf8(end));
    index.add(this.#window.base + this.#at, end - this.#at);
    this.#at = end;
    return true;
  }

  #scan(start: number, columns: ColumnTable): number {
    if (start !== Byte.openBrace)
      throw this.#fault(unexpected(this.#window.bytes, this.#at, '"{", the start of a row,'));
    try {
      return scanJsonRow(this.#window.bytes, this.#at, this.#rowInFile(), columns);
    } catch (error) {
      throw error instanceof RowFault ? this.#fault(error) : error;
    }
  }

  /** The next byte that is not white space, which `#at` then points to; undefined at the end of the file. */
  async #peek(): Promise<number | undefined> {
    for (;;) {
      const byte = this.#peekInWindow();
      if (byte !== undefined || !(await this.#refill())) return byte;
    }
  }

  /** The same, where the window has it. Nothing is awaited a row: that would take as long as to scan it. */
  #peekInWindow(): number | undefined {
    this.#at = skipSpace(this.#window.bytes, this.#at);
    return this.#window.bytes[this.#at];
  }

  /** Drop the bytes before `#at` and read more behind the rest; false at the end of the file. */
  async #refill(): Promise<boolean> {
    this.#context.signal?.throwIfAborted();
    if (this.#window.bytes.length - this.#at > MAX_ROW_BYTES) throw this.#fault(this.#tooLong());
    const added = await this.#window.advance(this.#at);
    this.#at = 0;
    this.#context.onBytes(added);
    return added > 0;
  }

  #rowInFile(): number {
    return this.#context.index.rows - this.#firstRow;
  }

  #tooLong(): RowFault {
    return new RowFault(
      `the row is longer than ${MAX_ROW_BYTES >> 20} MiB`,
      'Look for a quotation mark that is never closed, or shorten the row.',
      this.#at,
    );
  }

  #emptyArray(): RowFault {
    return new RowFault('the array is empty', 'Give a file with at least one row.', this.#at);
  }

  #noSeparator(): RowFault {
    const fault = unexpected(this.#window.bytes, this.#at, '"," or "]" after a row');
    const hint =
      this.#window.bytes[this.#at] === Byte.openBrace ? 'Put a comma between the two rows.' : fault.hint;
    return new RowFault(fault.message, hint, this.#at);
  }

  #notUtf8(end: number): RowFault {
    const bad = firstInvalidByte(this.#window.bytes, this.#at, end);
    return new RowFault(
      `${byteName(this.#window.bytes, bad)} is not valid UTF-8`,
      'Save the file as UTF-8.',
      bad,
    );
  }

  #truncated(where: string): RowFault {
    return new RowFault(
      `the file ends ${where}, after ${this.#window.position - this.#text.start} bytes`,
      'The file is cut off, or a quotation mark or bracket is never closed: fetch or export it again.',
      this.#at,
    );
  }

  /** A fault in the row at hand. */
  #fault(fault: RowFault): ConfigurationError {
    return this.#fileFault(fault, `row ${this.#rowInFile()} (from 0), `);
  }

  #fileFault({ message, hint, at = this.#at }: RowFault, row = ''): ConfigurationError {
    const { path, start, unit } = this.#text;
    const shown = mayQuote(path)
      ? message
      : message.replace(/^found "(?:[^"\\]|\\.)*"/, 'found something else');
    return new ConfigurationError(`${row}${unit} ${this.#window.base + at - start}: ${shown}`, {
      hint,
      place: { file: path },
    });
  }
}
