import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type RecordBatch, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import type { FrameSchema } from './frame-schema.ts';

/** `datasets` cuts at 500 MB too. */
export const DEFAULT_SHARD_BYTES = 500_000_000;

/** One part of the prepared data, as it lies on the disk. */
export interface ArrowOutput {
  rows: number;
  /** Bytes of all shards. */
  bytes: number;
  /** File names in row order. */
  shards: string[];
}

/**
 * Writes a folder that `datasets.load_from_disk` reads: Arrow IPC streams `data-0000k-of-0000N.arrow`, with
 * `dataset_info.json` and `state.json` beside them. The same rows make the same bytes.
 */
export class ArrowFolderWriter {
  readonly #folder: string;
  readonly #schema: Schema;
  readonly #features: string;
  readonly #maxShardBytes: number;
  /** Of every buffer written, for the fingerprint: a tenth of the time that a hash of all bytes takes. */
  readonly #checksums: number[] = [];
  #shard: OpenShard | undefined;
  #shards = 0;
  #bytes = 0;
  #rows = 0;

  private constructor(folder: string, { schema, features }: FrameSchema, maxShardBytes: number) {
    this.#folder = folder;
    this.#schema = schema;
    this.#features = features;
    this.#maxShardBytes = maxShardBytes;
  }

  /** @param maxShardBytes a shard that holds more than one batch stays below this */
  static async create(folder: string, frame: FrameSchema, maxShardBytes: number): Promise<ArrowFolderWriter> {
    await mkdir(folder);
    return new ArrowFolderWriter(folder, frame, maxShardBytes);
  }

  /** Write one batch. Its buffers must stay as they are until the promise is fulfilled. */
  async write(batch: RecordBatch): Promise<void> {
    const stream = this.#shard?.stream ?? new CollectingStreamWriter(this.#schema);
    const pieces = [...stream.take(), ...stream.encode(batch)];
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    if (this.#shard && this.#shard.bytes + bytes + END_OF_STREAM.byteLength > this.#maxShardBytes) {
      await this.#closeShard();
      const fresh = new CollectingStreamWriter(this.#schema);
      pieces.unshift(...fresh.take());
      this.#shard = await this.#openShard(fresh);
    }
    this.#shard ??= await this.#openShard(stream);
    await this.#append(this.#shard, pieces);
    this.#rows += batch.numRows;
  }

  /** Name the shards and write what `load_from_disk` needs beside them. */
  async finish(): Promise<ArrowOutput> {
    await this.#closeShard();
    const shards: string[] = [];
    for (let number = 0; number < this.#shards; number++) {
      const name = `data-${padded(number)}-of-${padded(this.#shards)}.arrow`;
      await rename(this.#temporaryPath(number), join(this.#folder, name));
      shards.push(name);
    }
    const state = {
      _data_files: shards.map((filename) => ({ filename })),
      // Caches of `datasets` go by this: other rows must have another one.
      _fingerprint: createHash('sha256').update(Uint32Array.from(this.#checksums)).digest('hex').slice(0, 16),
      _format_columns: null,
      _format_kwargs: {},
      _format_type: null,
      _output_all_columns: false,
      _split: null,
    };
    const info = `{"citation":"","description":"","features":${this.#features},"homepage":"","license":""}\n`;
    await writeFile(join(this.#folder, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
    await writeFile(join(this.#folder, 'dataset_info.json'), info);
    return { rows: this.#rows, bytes: this.#bytes, shards };
  }

  /** Close the file at hand after a failure; the folder stays unfinished. */
  async abandon(): Promise<void> {
    await this.#shard?.handle.close();
    this.#shard = undefined;
  }

  async #openShard(stream: CollectingStreamWriter): Promise<OpenShard> {
    const handle = await open(this.#temporaryPath(this.#shards++), 'wx');
    return { handle, stream, bytes: 0, flushedBytes: 0, flush: undefined };
  }

  async #append(shard: OpenShard, pieces: Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      this.#checksums.push(crc32(piece));
      shard.bytes += piece.byteLength;
      this.#bytes += piece.byteLength;
    }
    await writeAll(shard.handle, pieces);
    if (shard.bytes - shard.flushedBytes >= FLUSH_BYTES) await this.#startFlush(shard);
  }

  /** Have the disk write while the next rows are made: who publishes the folder waits for it at the end. */
  async #startFlush(shard: OpenShard): Promise<void> {
    await shard.flush;
    shard.flushedBytes = shard.bytes;
    shard.flush = shard.handle.datasync();
    // It is awaited before the next one; until then a failure must not count as unhandled.
    shard.flush.catch(() => {});
  }

  async #closeShard(): Promise<void> {
    if (!this.#shard) return;
    await this.#append(this.#shard, [END_OF_STREAM]);
    const { handle, flush } = this.#shard;
    this.#shard = undefined;
    try {
      await flush;
    } finally {
      await handle.close();
    }
  }

  /** The final name holds the number of shards, which is known at the end. */
  #temporaryPath(number: number): string {
    return join(this.#folder, `data-${padded(number)}.arrow.part`);
  }
}

interface OpenShard {
  handle: FileHandle;
  stream: CollectingStreamWriter;
  bytes: number;
  /** Bytes up to which the disk was asked to write. */
  flushedBytes: number;
  flush: Promise<void> | undefined;
}

const FLUSH_BYTES = 64 << 20;

/** Continuation marker and length 0. */
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/** Arrow's stream writer with its pieces kept in a list: its own queue would copy them. */
class CollectingStreamWriter extends RecordBatchStreamWriter {
  readonly #pieces: Uint8Array[] = [];

  constructor(schema: Schema) {
    super({ autoDestroy: false });
    this.reset(undefined, schema);
  }

  /** Pieces of one batch, views of the batch's own buffers. */
  encode(batch: RecordBatch): Uint8Array[] {
    this.write(batch);
    return this.take();
  }

  /** Pieces made since the last call; the schema at first. */
  take(): Uint8Array[] {
    return this.#pieces.splice(0);
  }

  protected override _write(chunk: ArrayBufferView): this {
    if (chunk.byteLength > 0)
      this.#pieces.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    return this;
  }
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let rest = pieces;
  while (rest.length > 0) {
    const batch = rest.slice(0, MAX_PIECES);
    const { bytesWritten } = await handle.writev(batch);
    rest = [...unwritten(batch, bytesWritten), ...rest.slice(MAX_PIECES)];
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

function padded(number: number): string {
  return String(number).padStart(5, '0');
}
