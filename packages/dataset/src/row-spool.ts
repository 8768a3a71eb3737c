import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowIndex } from './row-index.ts';

const BLOCK_BYTES = 4 << 20;

/**
 * A temporary file of rows as JSON text, one after the other, for sources that can't be read row by row in any order.
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
    index.beginFile(path);
    return new RowSpool(handle, index);
  }

  /** Append one row. A promise is returned only when a block had to be written: await it before the next call. */
  add(json: string): Promise<void> | undefined {
    const needed = json.length * 3;
    if (this.#block.length - this.#filled < needed && this.#filled > 0)
      return this.flush().then(() => this.add(json));
    if (this.#block.length < needed) this.#block = Buffer.allocUnsafe(needed);
    const length = this.#block.write(json, this.#filled, 'utf8');
    this.#index.add(this.#base + this.#filled, length);
    this.#filled += length;
    return undefined;
  }

  /** Write what is still held; after it all rows can be read. */
  async flush(): Promise<void> {
    for (let written = 0; written < this.#filled; ) {
      const { bytesWritten } = await this.handle.write(
        this.#block,
        written,
        this.#filled - written,
        this.#base + written,
      );
      written += bytesWritten;
    }
    this.#base += this.#filled;
    this.#filled = 0;
    if (this.#block.length > BLOCK_BYTES) this.#block = Buffer.allocUnsafe(BLOCK_BYTES);
  }
}
