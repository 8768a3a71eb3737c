import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { type JsonCursor, WORD_BYTES } from './json-string.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex, RowSource } from './row-index.ts';

/** Rows read in one go. */
export interface RowGroup {
  /** Row numbers over all files, in the order asked for. */
  rows: Uint32Array;
  /** Whether they are the last of their run. */
  endsRun: boolean;
  /** JSON text of the `i`-th row of the group, valid until the next is asked for. */
  json(i: number): JsonCursor;
}

/** Few enough to be in the processor's cache still when they are decoded, many enough to keep a disk busy. */
const GROUP_BYTES = 256 << 10;
/** A group with what lies between its rows mostly fits. */
const ARENA_BYTES = GROUP_BYTES + (64 << 10);
/** Rows this close on the disk are read together, with what lies between them. */
const GAP_BYTES = 4 << 10;

/**
 * Read runs of rows, one after the other, in groups. Within a group the disk is read in ascending order, rows that lie
 * side by side in one piece; what has to come from the disk is read while the caller works on the group before.
 *
 * A group is valid until the next one is asked for.
 *
 * @throws ConfigurationError when a file became shorter since it was indexed
 */
export async function* readRows(
  runs: Iterable<Uint32Array>,
  index: RowIndex,
  files: RowFiles,
): AsyncGenerator<RowGroup> {
  const arenas: [Buffer, Buffer] = [Buffer.allocUnsafe(ARENA_BYTES), Buffer.allocUnsafe(ARENA_BYTES)];
  const groups = groupsOf(runs, index);
  const load = (): Promise<LoadedRows> | undefined => {
    const { value: group } = groups.next();
    if (!group) return undefined;
    const loading = loadRows(group, arenas[0], index, files);
    arenas.reverse();
    // It is awaited below; until then, or when the caller stops, a failure must not count as unhandled.
    loading.catch(() => {});
    return loading;
  };
  for (let next = load(); next; ) {
    const loaded = await next;
    next = load();
    yield groupOf(loaded, index);
  }
}

/** Rows to read in one go. */
interface PlannedGroup {
  rows: Uint32Array;
  endsRun: boolean;
}

function* groupsOf(runs: Iterable<Uint32Array>, index: RowIndex): Generator<PlannedGroup, undefined> {
  for (const run of runs) {
    for (let start = 0; start < run.length; ) {
      const end = groupEnd(run, start, index);
      yield { rows: run.subarray(start, end), endsRun: end === run.length };
      start = end;
    }
  }
}

/** Rows of a group as they came from the disk. */
interface LoadedRows extends PlannedGroup {
  buffer: Buffer;
  /** Position in the buffer of each row, by row number. */
  positions: Map<number, number>;
}

function groupOf({ rows, endsRun, buffer, positions }: LoadedRows, index: RowIndex): RowGroup {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const json: JsonCursor = { bytes: buffer, view, at: 0, end: 0 };
  return {
    rows,
    endsRun,
    json: (i) => {
      const row = rows[i] as number;
      json.at = positions.get(row) as number;
      json.end = json.at + index.length(row);
      return json;
    },
  };
}

/** A piece of one file that holds rows. */
interface Extent {
  file: number;
  offset: number;
  length: number;
  /** Where it is put in the buffer. */
  position: number;
}

function groupEnd(order: Uint32Array, start: number, index: RowIndex): number {
  let end = start;
  for (let bytes = 0; end < order.length; end++) {
    bytes += index.length(order[end] as number);
    if (bytes > GROUP_BYTES && end > start) break;
  }
  return end;
}

/** Row numbers ascend as the rows lie in the files. @param positions takes the position of each row */
function planExtents(rows: Uint32Array, index: RowIndex, positions: Map<number, number>): Extent[] {
  const extents: Extent[] = [];
  let last: Extent | undefined;
  for (const row of rows.toSorted()) {
    const { file, offset, length } = index.place(row);
    if (last && last.file === file && offset - (last.offset + last.length) <= GAP_BYTES) {
      last.length = offset + length - last.offset;
    } else {
      last = { file, offset, length, position: last ? last.position + last.length : 0 };
      extents.push(last);
    }
    positions.set(row, last.position + offset - last.offset);
  }
  return extents;
}

async function loadRows(
  { rows, endsRun }: PlannedGroup,
  arena: Buffer,
  index: RowIndex,
  files: RowFiles,
): Promise<LoadedRows> {
  const positions = new Map<number, number>();
  const extents = planExtents(rows, index, positions);
  const needed = extents.reduce((sum, { length }) => sum + length, WORD_BYTES);
  const buffer = needed <= arena.length ? arena : Buffer.allocUnsafe(needed);
  const reads: Promise<void>[] = [];
  let open: { file: number; handle: FileHandle } | undefined;
  let inMemory = true;
  for (const { file, offset, length, position } of extents) {
    if (open?.file !== file) open = { file, handle: await files.handle(file) };
    const piece = {
      handle: open.handle,
      path: (index.sources[file] as RowSource).path,
      target: buffer.subarray(position, position + length),
      offset,
    };
    if (inMemory && length <= SMALL_PIECE_BYTES) inMemory = readAtOnce(piece);
    else reads.push(readFully(piece));
  }
  await Promise.all(reads);
  return { rows, endsRun, buffer, positions };
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
