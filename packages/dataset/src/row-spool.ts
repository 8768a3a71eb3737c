import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowIndex } from './row-index.ts';

const BLOCK_BYTES = 4 << 20;

/**
 * A temporary file of JSON text, for sources that can't be read row by row in any order: rows of Parquet and Arrow, one
 * after the other, and what compressed files hold.
 *
 * The file is unlinked as soon as it is open: its space is free again when the handle closes, however the process ends.
 */
export class RowSpool {
  readonly handle: FileHandle;
  readonly #index: RowIndex;
  #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #filled = 0;
  /** Offset in the file of the block's first byte. */
  #base = 0;

  private constructor(handle: FileHandle, index: RowIndex) {
    this.handle = handle;
    this.#index = index;
  }

  /**
   * @param folder where the temporary file takes its space
   * @param index takes the place of each row
   */
  static async create(folder: string, index: RowIndex): Promise<RowSpool> {
    const path = join(folder, '.row-spool');
    const handle = await open(path, 'wx+');
    await unlink(path);
    return new RowSpool(handle, index);
  }

  /** Offset in the file of what is added next. */
  get position(): number {
    return this.#base + this.#filled;
  }

  /** Append one row. A promise is returned only when a block had to be written: await it before the next call. */
  addRow(json: string): Promise<void> | undefined {
    const needed = json.length * 3;
    if (this.#block.length - this.#filled < needed && this.#filled > 0)
      return this.flush().then(() => this.addRow(json));
    if (this.#block.length < needed) this.#block = Buffer.allocUnsafe(needed);
    const length = this.#block.write(json, this.#filled, 'utf8');
    this.#index.add(this.position, length);
    this.#filled += length;
    return undefined;
  }

  /** Append text that is indexed later. */
  async addText(text: Buffer): Promise<void> {
    await this.flush();
    await this.#write(text);
  }

  /** Write what is still held; after it all can be read. */
  async flush(): Promise<void> {
    const block = this.#block.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#write(block);
    if (this.#block.length > BLOCK_BYTES) this.#block = Buffer.allocUnsafe(BLOCK_BYTES);
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, written, bytes.length - written, this.#base);
      written += bytesWritten;
      this.#base += bytesWritten;
    }
  }
}
