import type { Hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { contentHash } from './content-digest.ts';

/** A file that is being fetched: what has come of it, on disk, and the hash of that. */
export class PartialFile {
  readonly #handle: FileHandle;
  readonly #whole: { etag: string; size: number };
  #hash: Hash;
  #size = 0;

  /** Opens what an earlier attempt left, or a new file. More than the whole file can't be a part of it: thrown away. */
  static async open(
    file: string,
    whole: { etag: string; size: number },
    signal?: AbortSignal,
  ): Promise<PartialFile> {
    await mkdir(path.dirname(file), { recursive: true });
    const partial = new PartialFile(await open(file, 'a+'), whole);
    try {
      await partial.#readBack(signal);
      return partial;
    } catch (error) {
      await partial.close();
      throw error;
    }
  }

  private constructor(handle: FileHandle, whole: { etag: string; size: number }) {
    this.#handle = handle;
    this.#whole = whole;
    this.#hash = contentHash(whole.etag, whole.size);
  }

  /** Bytes that are there. */
  get size(): number {
    return this.#size;
  }

  async append(piece: Uint8Array): Promise<void> {
    await this.#handle.appendFile(piece);
    this.#hash.update(piece);
    this.#size += piece.length;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = contentHash(this.#whole.etag, this.#whole.size);
    this.#size = 0;
  }

  /** Whether what is there is the whole file. */
  isWhole(): boolean {
    return this.#size === this.#whole.size && this.#hash.copy().digest('hex') === this.#whole.etag;
  }

  /** Writes it to the disk itself, so that no name is given to bytes that a power failure could take. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readBack(signal?: AbortSignal): Promise<void> {
    if ((await this.#handle.stat()).size > this.#whole.size) return this.restart();
    for await (const piece of this.#handle.createReadStream({
      start: 0,
      autoClose: false,
      highWaterMark: 1 << 20,
    })) {
      signal?.throwIfAborted();
      this.#hash.update(piece as Buffer);
      this.#size += (piece as Buffer).length;
    }
  }
}
