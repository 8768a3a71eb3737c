import { constants, writevSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ShardPlace, ShardPlaces } from './shard-places.ts';

/** A batch that was written. */
export interface WrittenBatch extends ShardPlace {
  /** Bytes, with the schema where it begins a shard. */
  bytes: number;
  /** CRC-32 of its pieces, one after the other. */
  checksums: Uint32Array;
}

/** Writes one thread's batches of a part into shards, which the threads have in common. */
export class ShardWriter {
  readonly #folder: string;
  readonly #schema: readonly Uint8Array[];
  readonly #places: ShardPlaces;
  #shard: OpenShard | undefined;

  /** @param schema message that opens a shard, in pieces */
  constructor(folder: string, schema: readonly Uint8Array[], places: ShardPlaces) {
    this.#folder = folder;
    this.#schema = schema;
    this.#places = places;
  }

  /**
   * Write one batch to where it belongs, once that is known. It is written by the thread that made it, at once: then it
   * is in that processor's cache still.
   */
  async write(batch: number, message: readonly Uint8Array[]): Promise<WrittenBatch> {
    await this.#places.turnOf(batch);
    const { shard, offset } = this.#places.take(bytesIn(message), bytesIn(this.#schema));
    const pieces = offset === 0 ? [...this.#schema, ...message] : message;
    if (this.#shard?.number !== shard) {
      await this.close();
      this.#shard = await openShard(this.#folder, shard);
    }
    writeAll(this.#shard.handle.fd, pieces, offset);
    // Not sooner: two threads that write one file would only wait for each other, with a processor each.
    this.#places.pass(batch);
    const bytes = bytesIn(pieces);
    await startFlush(this.#shard, bytes);
    return { shard, offset, bytes, checksums: Uint32Array.from(pieces, (piece) => crc32(piece)) };
  }

  /** Close the file at hand. */
  async close(): Promise<void> {
    const shard = this.#shard;
    this.#shard = undefined;
    try {
      await shard?.flush;
    } finally {
      await shard?.handle.close();
    }
  }
}

/** The final name holds the number of shards, which is known at the end. */
export function unfinishedShard(folder: string, number: number): string {
  return join(folder, `data-${String(number).padStart(5, '0')}.arrow.part`);
}

interface OpenShard {
  number: number;
  handle: FileHandle;
  /** Bytes written since the disk was last asked to write. */
  unflushedBytes: number;
  flush: Promise<void> | undefined;
}

async function openShard(folder: string, number: number): Promise<OpenShard> {
  // Whichever thread has the first batch to write makes it.
  const handle = await open(unfinishedShard(folder, number), constants.O_WRONLY | constants.O_CREAT);
  return { number, handle, unflushedBytes: 0, flush: undefined };
}

const FLUSH_BYTES = 64 << 20;

/** Have the disk write while the next rows are made: who publishes the folder waits for it at the end. */
async function startFlush(shard: OpenShard, bytes: number): Promise<void> {
  shard.unflushedBytes += bytes;
  if (shard.unflushedBytes < FLUSH_BYTES) return;
  await shard.flush;
  shard.unflushedBytes = 0;
  shard.flush = shard.handle.datasync();
  // It is awaited before the next one; until then a failure must not count as unhandled.
  shard.flush.catch(() => {});
}

function writeAll(file: number, pieces: readonly Uint8Array[], offset: number): void {
  let rest = pieces;
  let at = offset;
  while (rest.length > 0) {
    const batch = rest.slice(0, MAX_PIECES);
    const written = writevSync(file, batch, at);
    at += written;
    rest = [...unwritten(batch, written), ...rest.slice(MAX_PIECES)];
  }
}

/** Systems take up to 1,024 buffers a call. */
const MAX_PIECES = 1000;

function unwritten(pieces: readonly Uint8Array[], bytesWritten: number): Uint8Array[] {
  let left = bytesWritten;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (left >= piece.byteLength) left -= piece.byteLength;
    else {
      rest.push(piece.subarray(left));
      left = 0;
    }
  }
  return rest;
}

function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}
