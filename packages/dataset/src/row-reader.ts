import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import type { JsonCursor } from './json-string.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex, RowSource } from './row-index.ts';

/** Rows read in one go: few enough to hold, many enough to read in the order of the disk. */
export interface RowBatch {
  /** Row numbers over all files, in output order. */
  rows: Uint32Array;
  /** JSON text of the `i`-th row of the batch, valid until the next is asked for. */
  json(i: number): JsonCursor;
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
 * in one piece; what has to come from the disk is read while the caller works on the batch before.
 *
 * A batch is valid until the next one is asked for.
 *
 * @throws ConfigurationError when a file became shorter since it was indexed
 */
export async function* readRows(
  order: Uint32Array,
  index: RowIndex,
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
    const loaded = await next;
    start += loaded.rows.length;
    next = start < order.length ? load(start) : undefined;
    yield batchOf(loaded, index);
  }
}

function batchOf({ rows, buffer, positions }: LoadedRows, index: RowIndex): RowBatch {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const json: JsonCursor = { bytes: buffer, view, at: 0, end: 0 };
  return {
    rows,
    json: (i) => {
      const row = rows[i] as number;
      json.at = positions.get(row) as number;
      json.end = json.at + index.length(row);
      return json;
    },
  };
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
  let inMemory = true;
  for (const extent of extents) {
    for (const row of extent.rows) positions.set(row, position + index.place(row).offset - extent.offset);
    if (open?.file !== extent.file) open = { file: extent.file, handle: await files.handle(extent.file) };
    const piece = {
      handle: open.handle,
      path: (index.sources[extent.file] as RowSource).path,
      target: buffer.subarray(position, position + extent.length),
      offset: extent.offset,
    };
    if (inMemory && extent.length <= SMALL_PIECE_BYTES) inMemory = readAtOnce(piece);
    else reads.push(readFully(piece));
    position += extent.length;
  }
  await Promise.all(reads);
  return { rows, buffer, positions };
}

/** Bytes of one file to read into a buffer. */
interface Piece {
  handle: FileHandle;
  path: string;
  target: Buffer;
  offset: number;
}

/** A small piece that is in the system's page cache is there sooner than a thread that reads it. */
const SMALL_PIECE_BYTES = 64 << 10;
/** From the page cache a small piece takes some microseconds, from a disk a hundred or more. */
const CACHED_READ_MS = 0.05;

/** @returns whether the piece was in memory already; if not, several of the next are better read at the same time */
function readAtOnce(piece: Piece): boolean {
  const started = performance.now();
  for (let filled = 0; filled < piece.target.length; ) {
    const { handle, target, offset } = piece;
    filled += checked(
      readSync(handle.fd, target, filled, target.length - filled, offset + filled),
      piece,
      filled,
    );
  }
  return performance.now() - started < CACHED_READ_MS;
}

async function readFully(piece: Piece): Promise<void> {
  const { handle, target, offset } = piece;
  for (let filled = 0; filled < target.length; ) {
    const { bytesRead } = await handle.read(target, filled, target.length - filled, offset + filled);
    filled += checked(bytesRead, piece, filled);
  }
}

/** @returns the bytes that were read @throws ConfigurationError when there are none */
function checked(bytesRead: number, { path, offset }: Piece, filled: number): number {
  if (bytesRead > 0) return bytesRead;
  throw new ConfigurationError(
    `the file became shorter while it was read: it ended at byte ${offset + filled}`,
    {
      hint: 'Leave the source alone while the data is prepared, and start again.',
      place: { file: path },
    },
  );
}
