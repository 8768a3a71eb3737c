import { type FileHandle, open } from 'node:fs/promises';

const MAX_OPEN_FILES = 64;

/** Files to read at offsets, opened when first needed; the one unused for longest is closed when there are too many. */
export class RowFiles {
  readonly #paths: readonly string[];
  readonly #open = new Map<number, FileHandle>();

  /**
   * @param paths files by number
   * @param handles files already open, by number; they are closed with the rest
   */
  constructor(paths: readonly string[], handles: ReadonlyMap<number, FileHandle> = new Map()) {
    this.#paths = paths;
    for (const [file, handle] of handles) this.#open.set(file, handle);
  }

  async handle(file: number): Promise<FileHandle> {
    const known = this.#open.get(file);
    if (known) {
      this.#open.delete(file);
      this.#open.set(file, known);
      return known;
    }
    if (this.#open.size >= MAX_OPEN_FILES) {
      const [oldest, handle] = this.#open.entries().next().value as [number, FileHandle];
      this.#open.delete(oldest);
      await handle.close();
    }
    const handle = await open(this.#paths[file] as string);
    this.#open.set(file, handle);
    return handle;
  }

  async close(): Promise<void> {
    const handles = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(handles.map((handle) => handle.close()));
  }
}
