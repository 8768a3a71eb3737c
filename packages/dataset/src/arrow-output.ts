import { createHash } from 'node:crypto';
import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { bytesOf, END_OF_STREAM } from './arrow-message.ts';
import { unfinishedShard, type WrittenBatch } from './shard-writer.ts';

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
 * A folder that `datasets.load_from_disk` reads: Arrow IPC streams `data-0000k-of-0000N.arrow`, with `dataset_info.json`
 * and `state.json` beside them. The same rows make the same bytes.
 */
export class ArrowFolder {
  readonly #path: string;
  readonly #features: string;
  /** Over the checksums of all that was written: a tenth of the time that a hash of all bytes takes. */
  readonly #fingerprint = createHash('sha256');
  #shards = 0;
  #bytes = 0;
  #rows = 0;

  private constructor(path: string, features: string) {
    this.#path = path;
    this.#features = features;
  }

  /** @param features of `datasets`, as JSON text */
  static async create(path: string, features: string): Promise<ArrowFolder> {
    await mkdir(path);
    return new ArrowFolder(path, features);
  }

  /** Note a batch that was written, in the order of the batches. */
  add({ shard, bytes, checksums }: WrittenBatch, rows: number): void {
    if (shard === this.#shards) {
      if (shard > 0) this.#endShard();
      this.#shards++;
    }
    this.#fingerprint.update(bytesOf(checksums));
    this.#bytes += bytes;
    this.#rows += rows;
  }

  /** End and name the shards, when all is written, and write what `load_from_disk` needs beside them. */
  async finish(): Promise<ArrowOutput> {
    this.#endShard();
    const shards: string[] = [];
    for (let number = 0; number < this.#shards; number++) {
      const part = unfinishedShard(this.#path, number);
      await appendFile(part, END_OF_STREAM);
      const name = `data-${padded(number)}-of-${padded(this.#shards)}.arrow`;
      await rename(part, join(this.#path, name));
      shards.push(name);
    }
    const state = {
      _data_files: shards.map((filename) => ({ filename })),
      // Caches of `datasets` go by this: other rows must have another one.
      _fingerprint: this.#fingerprint.digest('hex').slice(0, 16),
      _format_columns: null,
      _format_kwargs: {},
      _format_type: null,
      _output_all_columns: false,
      _split: null,
    };
    const info = `{"citation":"","description":"","features":${this.#features},"homepage":"","license":""}\n`;
    await writeFile(join(this.#path, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
    await writeFile(join(this.#path, 'dataset_info.json'), info);
    return { rows: this.#rows, bytes: this.#bytes, shards };
  }

  #endShard(): void {
    this.#fingerprint.update(bytesOf(Uint32Array.of(crc32(END_OF_STREAM))));
    this.#bytes += END_OF_STREAM.byteLength;
  }
}

function padded(number: number): string {
  return String(number).padStart(5, '0');
}
