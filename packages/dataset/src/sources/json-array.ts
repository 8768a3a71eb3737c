import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { ConfigurationError } from '@prometheus-actions/stage';
import { type ColumnTable, RowFault } from '../column-table.ts';
import type { RowIndex } from '../row-index.ts';
import { Byte, INCOMPLETE, scanJsonRow, skipSpace, unexpected } from './json-row-scanner.ts';

/** What a source needs while it walks its files. */
export interface ScanContext {
  columns: ColumnTable;
  index: RowIndex;
  signal?: AbortSignal | undefined;
  /** Called with the bytes just crossed. */
  onBytes: (bytes: number) => void;
}

/**
 * Index the rows of a file that holds one JSON array of flat objects: one pass, a window of a few MiB in memory.
 *
 * @param windowBytes bytes held at a time; grows to the longest row
 * @throws ConfigurationError with row number and byte offset, when the file is not such an array or a row does not fit
 */
export async function indexJsonArray(
  path: string,
  context: ScanContext,
  windowBytes = 4 << 20,
): Promise<void> {
  const handle = await open(path);
  try {
    context.index.beginFile(path);
    context.columns.beginFile(path);
    await new ArrayScan(path, handle, context, windowBytes).run();
  } finally {
    await handle.close();
  }
}

/** A longer row would not fit V8's longest string with room to spare. */
const MAX_ROW_BYTES = 256 << 20;

class ArrayScan {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #context: ScanContext;
  readonly #firstRow: number;
  #storage: Buffer;
  /** The valid part of the storage. */
  #window: Buffer;
  /** Offset in the file of the window's first byte. */
  #base = 0;
  #at = 0;
  #ended = false;

  constructor(path: string, handle: FileHandle, context: ScanContext, windowBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#context = context;
    this.#firstRow = context.index.rows;
    this.#storage = Buffer.allocUnsafe(windowBytes);
    this.#window = this.#storage.subarray(0, 0);
  }

  async run(): Promise<void> {
    await this.#expectArray();
    let separator = await this.#peek();
    if (separator === Byte.closeBracket) throw this.#fileFault(this.#emptyArray());
    for (;;) {
      await this.#row();
      separator = await this.#peek();
      if (separator === undefined) throw this.#fault(this.#truncated('after a row'));
      if (separator === Byte.closeBracket) break;
      if (separator !== Byte.comma) throw this.#fault(this.#noSeparator());
      this.#at++;
      if ((await this.#peek()) === Byte.closeBracket) {
        throw this.#fault(unexpected(this.#window, this.#at, 'another row after ","'));
      }
    }
    this.#at++;
    if ((await this.#peek()) !== undefined) {
      throw this.#fileFault(unexpected(this.#window, this.#at, 'the end of the file, after the array'));
    }
  }

  async #expectArray(): Promise<void> {
    const first = await this.#peek();
    const mark = byteOrderMark(this.#window);
    if (mark) {
      throw this.#fileFault(
        new RowFault(`the file starts with ${mark}`, 'Save it as UTF-8 without a byte order mark.', 0),
      );
    }
    if (first === undefined) {
      throw this.#fileFault(
        new RowFault('the file is empty', 'Give a file that holds a JSON array of rows: [{…}, …].'),
      );
    }
    if (first !== Byte.openBracket) {
      const fault = unexpected(this.#window, this.#at, '"[", the start of a JSON array of rows,');
      const hint =
        first === Byte.openBrace
          ? 'One object, or one a line? Put the rows into one array: [{…}, {…}].'
          : 'Give a JSON array of rows, [{…}, {…}], or a Parquet file.';
      throw this.#fileFault(new RowFault(fault.message, hint, this.#at));
    }
    this.#at++;
  }

  /** Index the row that starts at the next byte. */
  async #row(): Promise<void> {
    const { index, columns } = this.#context;
    const start = await this.#peek();
    if (start === undefined) throw this.#fault(this.#truncated('where a row should start'));
    for (;;) {
      const end = this.#scan(start, columns);
      if (end !== INCOMPLETE) {
        if (!isUtf8(this.#window.subarray(this.#at, end))) throw this.#fault(this.#notUtf8(end));
        index.add(this.#base + this.#at, end - this.#at);
        this.#at = end;
        return;
      }
      if (!(await this.#refill())) throw this.#fault(this.#truncated('inside the row'));
    }
  }

  #scan(start: number, columns: ColumnTable): number {
    if (start !== Byte.openBrace)
      throw this.#fault(unexpected(this.#window, this.#at, '"{", the start of a row,'));
    try {
      return scanJsonRow(this.#window, this.#at, this.#rowInFile(), columns);
    } catch (error) {
      throw error instanceof RowFault ? this.#fault(error) : error;
    }
  }

  /** The next byte that is not white space, which `#at` then points to; undefined at the end of the file. */
  async #peek(): Promise<number | undefined> {
    for (;;) {
      this.#at = skipSpace(this.#window, this.#at);
      if (this.#at < this.#window.length) return this.#window[this.#at];
      if (!(await this.#refill())) return undefined;
    }
  }

  /** Drop the bytes before `#at` and read more behind the rest; false at the end of the file. */
  async #refill(): Promise<boolean> {
    if (this.#ended) return false;
    this.#context.signal?.throwIfAborted();
    const kept = this.#window.length - this.#at;
    if (kept > this.#storage.length / 2) this.#enlarge(kept);
    else this.#storage.copyWithin(0, this.#at, this.#window.length);
    this.#base += this.#at;
    this.#at = 0;
    const { bytesRead } = await this.#handle.read(
      this.#storage,
      kept,
      this.#storage.length - kept,
      this.#base + kept,
    );
    this.#window = this.#storage.subarray(0, kept + bytesRead);
    this.#ended = bytesRead === 0;
    this.#context.onBytes(bytesRead);
    return !this.#ended;
  }

  #enlarge(kept: number): void {
    if (kept > MAX_ROW_BYTES) {
      throw this.#fault(
        new RowFault(
          `the row is longer than ${MAX_ROW_BYTES >> 20} MiB`,
          'Look for a quotation mark that is never closed, or shorten the row.',
          this.#at,
        ),
      );
    }
    const storage = Buffer.allocUnsafe(this.#storage.length * 2);
    this.#window.copy(storage, 0, this.#at);
    this.#storage = storage;
  }

  #rowInFile(): number {
    return this.#context.index.rows - this.#firstRow;
  }

  #emptyArray(): RowFault {
    return new RowFault('the array is empty', 'Give a file with at least one row.', this.#at);
  }

  #noSeparator(): RowFault {
    const fault = unexpected(this.#window, this.#at, '"," or "]" after a row');
    const hint = this.#window[this.#at] === Byte.openBrace ? 'Put a comma between the two rows.' : fault.hint;
    return new RowFault(fault.message, hint, this.#at);
  }

  #notUtf8(end: number): RowFault {
    const bad = firstInvalidByte(this.#window, this.#at, end);
    const byte = (this.#window[bad] as number).toString(16).padStart(2, '0');
    return new RowFault(`byte 0x${byte} is not valid UTF-8`, 'Save the file as UTF-8.', bad);
  }

  #truncated(where: string): RowFault {
    return new RowFault(
      `the file ends ${where}, after ${this.#base + this.#window.length} bytes`,
      'The file is cut off, or a quotation mark or bracket is never closed: fetch or export it again.',
      this.#at,
    );
  }

  /** A fault in the row at hand. */
  #fault(fault: RowFault): ConfigurationError {
    return this.#fileFault(fault, `row ${this.#rowInFile()} (from 0), `);
  }

  #fileFault({ message, hint, at = this.#at }: RowFault, row = ''): ConfigurationError {
    return new ConfigurationError(`${row}byte ${this.#base + at}: ${message}`, {
      hint,
      place: { file: this.#path },
    });
  }
}

function byteOrderMark(start: Buffer): string | undefined {
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf)
    return 'a UTF-8 byte order mark (EF BB BF)';
  if (start[0] === 0xff && start[1] === 0xfe) return 'a UTF-16 byte order mark (FF FE)';
  if (start[0] === 0xfe && start[1] === 0xff) return 'a UTF-16 byte order mark (FE FF)';
  return undefined;
}

/** Offset of the first byte of `[start, end)` at which valid UTF-8 stops. */
function firstInvalidByte(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = buffer[at] as number;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (!isUtf8(buffer.subarray(at, Math.min(end, at + length)))) return at;
    at += length;
  }
  return end;
}
