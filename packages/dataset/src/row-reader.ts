import type { FileHandle } from 'node:fs/promises';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import type { Column } from './column-table.ts';
import { type Message, messagesProblem } from './messages.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex, RowSource } from './row-index.ts';

/** A cell as Arrow takes it: int64 as bigint, float64 as number; messages as they stand in the row. */
export type Cell = string | number | bigint | boolean | null | Message[];

/** Rows read in one go: few enough to hold, many enough to read in the order of the disk. */
export interface RowBatch {
  /** Row numbers over all files, in output order. */
  rows: Uint32Array;
  /** Cells of the `i`-th row of the batch, in the order of the columns. */
  cells(i: number): Cell[];
}

/** `datasets` writes batches of 1,000 rows too. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 2 << 20;
/** A batch with what lies between its rows mostly fits. */
const ARENA_BYTES = BATCH_BYTES + (1 << 19);
/** Rows this close on the disk are read together, with what lies between them. */
const GAP_BYTES = 16 << 10;

/**
 * Read rows in a given order, in batches. Within a batch the disk is read in ascending order, rows that lie side by side
 * in one piece; the next batch is read while the caller works on this one.
 *
 * A batch is valid until the next one is asked for.
 *
 * @throws ConfigurationError with file, row and byte offset, for text that JSON or UTF-8 does not allow
 */
export async function* readRows(
  order: Uint32Array,
  index: RowIndex,
  columns: readonly Column[],
  files: RowFiles,
): AsyncGenerator<RowBatch> {
  const arenas: [Buffer, Buffer] = [Buffer.allocUnsafe(ARENA_BYTES), Buffer.allocUnsafe(ARENA_BYTES)];
  const load = (start: number): Promise<LoadedRows> => {
    const rows = order.subarray(start, batchEnd(order, start, index));
    const loading = loadRows(rows, arenas[0], index, files);
    arenas.reverse();
    // It is awaited below; until then, or when the caller stops, a failure must not count as unhandled.
    loading.catch(() => {});
    return loading;
  };
  let next = order.length > 0 ? load(0) : undefined;
  for (let start = 0; next; ) {
    const { rows, buffer, positions } = await next;
    start += rows.length;
    next = start < order.length ? load(start) : undefined;
    const cells = (i: number): Cell[] => {
      const row = rows[i] as number;
      const position = positions.get(row) as number;
      const text = buffer.toString('utf8', position, position + index.length(row));
      return decodeRow(text, row, index, columns);
    };
    yield { rows, cells };
  }
}

/** Rows of a batch as they came from the disk. */
interface LoadedRows {
  rows: Uint32Array;
  buffer: Buffer;
  /** Position in the buffer of each row, by row number. */
  positions: Map<number, number>;
}

interface Extent {
  file: number;
  offset: number;
  length: number;
  rows: number[];
}

function batchEnd(order: Uint32Array, start: number, index: RowIndex): number {
  let end = start;
  for (let bytes = 0; end < order.length && end - start < BATCH_ROWS; end++) {
    bytes += index.length(order[end] as number);
    if (bytes > BATCH_BYTES && end > start) break;
  }
  return end;
}

/** Row numbers ascend as the rows lie in the files. */
function planExtents(rows: Uint32Array, index: RowIndex): Extent[] {
  const extents: Extent[] = [];
  let last: Extent | undefined;
  for (const row of rows.toSorted()) {
    const { file, offset, length } = index.place(row);
    if (last && last.file === file && offset - (last.offset + last.length) <= GAP_BYTES) {
      last.length = offset + length - last.offset;
      last.rows.push(row);
    } else {
      last = { file, offset, length, rows: [row] };
      extents.push(last);
    }
  }
  return extents;
}

async function loadRows(
  rows: Uint32Array,
  arena: Buffer,
  index: RowIndex,
  files: RowFiles,
): Promise<LoadedRows> {
  const extents = planExtents(rows, index);
  const bytes = extents.reduce((sum, { length }) => sum + length, 0);
  const buffer = bytes <= arena.length ? arena : Buffer.allocUnsafe(bytes);
  const positions = new Map<number, number>();
  const reads: Promise<void>[] = [];
  let position = 0;
  let open: { file: number; handle: FileHandle } | undefined;
  for (const extent of extents) {
    for (const row of extent.rows) positions.set(row, position + index.place(row).offset - extent.offset);
    if (open?.file !== extent.file) open = { file: extent.file, handle: await files.handle(extent.file) };
    reads.push(
      readFully(open.handle, buffer, position, extent, (index.sources[extent.file] as RowSource).path),
    );
    position += extent.length;
  }
  await Promise.all(reads);
  return { rows, buffer, positions };
}

async function readFully(
  handle: FileHandle,
  buffer: Buffer,
  position: number,
  { offset, length }: Extent,
  path: string,
): Promise<void> {
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(buffer, position + filled, length - filled, offset + filled);
    if (bytesRead === 0) {
      throw new ConfigurationError(
        `the file became shorter while it was read: it ended at byte ${offset + filled}`,
        {
          hint: 'Leave the source alone while the data is prepared, and start again.',
          place: { file: path },
        },
      );
    }
    filled += bytesRead;
  }
}

function decodeRow(text: string, row: number, index: RowIndex, columns: readonly Column[]): Cell[] {
  let object = parseRow(text, row, index);
  if (needsExactIntegers(object, columns)) object = parseExactIntegers(text);
  return columns.map(({ name, type }) => {
    const value = object[name];
    if (type === 'messages') return checkedMessages(value, name, row, index);
    switch (typeof value) {
      case 'string':
        if (!value.isWellFormed()) throw loneSurrogate(name, row, index);
        return value;
      case 'number':
        // An int64 that float64 holds exactly; -0 is the integer 0.
        return type === 'int64' ? BigInt(value) : value;
      case 'bigint':
        return type === 'int64' ? value : Number(value);
      case 'boolean':
        return value;
      default:
        // Null, a missing key, or what a missing key inherits, as "constructor".
        return null;
    }
  });
}

function parseRow(text: string, row: number, index: RowIndex): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    const { message } = error as SyntaxError;
    const character = Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
    throw faultAt(
      row,
      index,
      Buffer.byteLength(text.slice(0, character)),
      message.replace(/ at position.*$/s, ''),
      {
        hint: 'Correct the text there: control characters and backslashes in it must be escaped.',
      },
    );
  }
}

function needsExactIntegers(object: Record<string, unknown>, columns: readonly Column[]): boolean {
  for (const { name, type } of columns) {
    if (type !== 'int64') continue;
    const value = object[name];
    if (typeof value === 'number' && !Number.isSafeInteger(value)) return true;
  }
  return false;
}

/** Integers as bigint, from their digits: `JSON.parse` alone rounds those above 2^53. */
function parseExactIntegers(text: string): Record<string, unknown> {
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && context?.source && /^-?\d+$/.test(context.source)
      ? BigInt(context.source)
      : value;
  return JSON.parse(text, reviver) as Record<string, unknown>;
}

function checkedMessages(value: unknown, name: string, row: number, index: RowIndex): Message[] {
  const problem = messagesProblem(value);
  if (problem === undefined) return value as Message[];
  throw faultAt(row, index, 0, `column "${name}": ${problem}`, {
    hint: 'Messages are {"role", "content"}: perhaps a system message, then user and assistant in turn, the assistant last.',
  });
}

function loneSurrogate(name: string, row: number, index: RowIndex): ConfigurationError {
  return faultAt(
    row,
    index,
    0,
    `column "${name}" holds half of a surrogate pair (\\ud800 to \\udfff alone)`,
    {
      hint: 'Such text has no UTF-8 form: replace the escape, or write both halves.',
    },
  );
}

function faultAt(
  row: number,
  index: RowIndex,
  at: number,
  problem: string,
  { hint }: { hint: string },
): ConfigurationError {
  const { path, where } = index.describe(row, at);
  return new ConfigurationError(`${where}: ${problem}`, { hint, place: { file: path } });
}
