import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { openFile } from '@prometheus-actions/stage/confined-files';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { type Data, type DataType, type RecordBatch, RecordBatchReader, Type } from 'apache-arrow';
import { CellKind, RowFault } from '../column-table.ts';
import type { RowSpool } from '../row-spool.ts';
import { checkBatches, checkColumn, checkedHandle } from './arrow-limits.ts';
import type { ScanContext } from './json-rows.ts';
import {
  damaged,
  floatText,
  noRows,
  noteColumns,
  noteNull,
  notText,
  type TypedColumn,
} from './typed-columns.ts';

/**
 * Write the rows of an Arrow IPC stream or file to the spool as JSON text, a record batch in memory at a time.
 *
 * Types become those of {@link spoolParquet}.
 *
 * @throws ConfigurationError with batch, column or row, when the file is damaged or holds what a frame can't
 */
export async function spoolArrow(path: string, spool: RowSpool, context: ScanContext): Promise<void> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    await requireEnd(path, handle, size);
    const reader = await RecordBatchReader.from(checkedHandle(handle));
    checkBatches(reader);
    await reading(path, 'its schema', () => reader.open({ autoDestroy: false }));
    const fields = reader.schema.fields.map(({ name, type }) => ({ name, node: type as DataType }));
    if (fields.some(({ name }) => typeof name !== 'string'))
      throw damaged(path, 'its schema has a column without a name');
    const columns = noteColumns(path, fields, cellKind, context);
    context.index.beginSource({ path, spooledAt: spool.position });
    let row = 0;
    for (let number = 0; context.index.rows < context.limit; number++) {
      context.signal?.throwIfAborted();
      const { value: batch, done } = await reading(path, `record batch ${number}`, () => reader.next());
      if (done) {
        // The library takes a batch that is none for the end.
        const listed = reader.isFile() ? reader.numRecordBatches : number;
        if (number < listed)
          throw damaged(path, `record batch ${number} of ${listed} is not where the footer says`);
        break;
      }
      await spoolBatch({ path, batch, number, firstRow: row, columns, spool, context });
      row += batch.numRows;
    }
    if (row === 0) throw noRows(path);
    context.onBytes(size);
    await reader.cancel();
  } finally {
    await handle.close();
  }
}

interface BatchTask {
  path: string;
  batch: RecordBatch;
  /** Of the batch in the file. */
  number: number;
  /** Number of the batch's first row within the file. */
  firstRow: number;
  columns: readonly TypedColumn<DataType>[];
  spool: RowSpool;
  context: ScanContext;
}

async function spoolBatch(task: BatchTask): Promise<void> {
  const { path, batch, number, firstRow, columns, spool, context } = task;
  const cells = columns.map(({ name }) => {
    const place = batch.schema.fields.findIndex((field) => field.name === name);
    const data = batch.data.children[place] as Data;
    try {
      checkColumn(data, batch.numRows);
    } catch (error) {
      throw damaged(path, `record batch ${number}, column "${name}": ${(error as Error).message}`, error);
    }
    return cellWriter(data);
  });
  const rows = Math.min(batch.numRows, context.limit - context.index.rows);
  for (let r = 0; r < rows; r++) {
    let json = '{';
    for (const [i, column] of columns.entries()) {
      const cell = cells[i]?.(r);
      if (cell === undefined) throw notText(path, column.name, firstRow + r);
      if (cell === 'null') noteNull(path, column, firstRow + r, context);
      json += `${i === 0 ? '' : ','}${column.key}${cell}`;
    }
    const written = spool.addRow(`${json}}`);
    if (written) await written;
  }
}

/** JSON text of the cell at a row; undefined for text that is not UTF-8. */
type CellWriter = (row: number) => string | undefined;

function cellWriter(data: Data): CellWriter {
  const write = valueWriter(data);
  return (row) => (data.getValid(row) ? write(row) : 'null');
}

function valueWriter(data: Data): CellWriter {
  const { values } = data;
  switch (data.typeId) {
    case Type.Null:
      return () => 'null';
    case Type.Utf8:
    case Type.LargeUtf8:
      return textWriter(data);
    case Type.Dictionary:
      return dictionaryWriter(data);
    case Type.Float:
      return (row) => floatText(values[row] as number);
    case Type.Bool:
      return (row) =>
        String((((values[(data.offset + row) >> 3] as number) >> ((data.offset + row) & 7)) & 1) === 1);
    case Type.List:
    case Type.LargeList:
      return listWriter(data);
    case Type.Struct:
      return structWriter(data);
    case Type.Int:
      return (row) => String(values[row]);
    default:
      // Only beside the text of a message, where a value that is not null is refused anyway.
      return () => JSON.stringify(`a value of the type ${data.type}`);
  }
}

/** Bytes are decoded here: the library's own decoder drops a leading U+FEFF and replaces what is not UTF-8. */
function textWriter({ valueOffsets, values }: Data): CellWriter {
  const bytes = values as Uint8Array;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => {
    const [start, end] = [Number(valueOffsets[row]), Number(valueOffsets[row + 1])];
    const decoded = text.toString('utf8', start, end);
    if (decoded.includes('\ufffd') && !isUtf8(text.subarray(start, end))) return undefined;
    return JSON.stringify(decoded);
  };
}

function dictionaryWriter(data: Data): CellWriter {
  const chunks =
    data.dictionary?.data.map((chunk) => ({ length: chunk.length, write: cellWriter(chunk) })) ?? [];
  return (row) => {
    let place = Number(data.values[row]);
    for (const { length, write } of chunks) {
      if (place < length) return write(place);
      place -= length;
    }
    return 'null';
  };
}

function listWriter({ valueOffsets, children }: Data): CellWriter {
  const write = cellWriter(children[0] as Data);
  return (row) => {
    const items: string[] = [];
    for (let i = Number(valueOffsets[row]); i < Number(valueOffsets[row + 1]); i++) {
      const item = write(i);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return `[${items.join(',')}]`;
  };
}

function structWriter({ type, children }: Data): CellWriter {
  const fields = (type.children ?? []).map(({ name }, i) => ({
    key: `${JSON.stringify(name)}:`,
    write: cellWriter(children[i] as Data),
  }));
  return (row) => {
    const members: string[] = [];
    for (const { key, write } of fields) {
      const value = write(row);
      if (value === undefined) return undefined;
      members.push(key + value);
    }
    return `{${members.join(',')}}`;
  };
}

function cellKind(type: DataType): number {
  switch (type.typeId) {
    case Type.Null:
      return CellKind.null;
    case Type.Utf8:
    case Type.LargeUtf8:
      return CellKind.string;
    case Type.Dictionary:
      return cellKind((type as DataType & { dictionary: DataType }).dictionary);
    case Type.Bool:
      return CellKind.boolean;
    case Type.Int: {
      const { isSigned, bitWidth } = type as DataType & { isSigned: boolean; bitWidth: number };
      if (isSigned || bitWidth < 64) return CellKind.integer;
      break;
    }
    case Type.Float:
      if ((type as DataType & { precision: number }).precision > 0) return CellKind.float;
      break;
    case Type.List:
    case Type.LargeList:
      return CellKind.list;
    case Type.Struct:
      return CellKind.object;
  }
  throw new RowFault(
    `a column is ${type}; a column holds text, integers up to 64 bits with a sign, floats or booleans`,
    'Write the column as text, or leave it out with keep_columns.',
  );
}

/** A stream without its end mark may have lost its last batches. */
async function requireEnd(path: string, handle: FileHandle, size: number): Promise<void> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, Math.max(0, size - 8));
  const end = buffer.subarray(0, bytesRead);
  if (end.equals(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]))) return;
  if (end.subarray(2).toString('latin1') === 'ARROW1') return;
  throw damaged(path, `no end mark of an Arrow stream or file at the end of ${size} bytes`);
}

async function reading<Result>(path: string, what: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (/codec not found/.test((error as Error).message)) {
      throw new ConfigurationError(`${what} has compressed buffers`, {
        hint: 'Write the file without compression of its buffers.',
        place: { file: path },
      });
    }
    throw damaged(path, `${what} can't be read: ${(error as Error).message}`, error);
  }
}
