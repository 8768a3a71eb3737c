import type { FileHandle } from 'node:fs/promises';
import { openFile } from '@prometheus-actions/stage/confined-files';
import type { RowSource } from './row-index.ts';

const MAX_OPEN_FILES = 64;

/** Sources to read at offsets; the file unused for longest is closed when too many are open. */
export class RowFiles {
  readonly #sources: readonly RowSource[];
  readonly #spool: FileHandle | undefined;
  readonly #open = new Map<number, FileHandle>();

  /** @param spool where the text of spooled sources is; closed with the files */
  constructor(sources: readonly RowSource[], spool?: FileHandle) {
    this.#sources = sources;
    this.#spool = spool;
  }

  /** Descriptor of the spool, where there is one. */
  get spool(): number | undefined {
    return this.#spool?.fd;
  }

  /** @param file number of the source */
  async handle(file: number): Promise<FileHandle> {
    const { path, spooledAt } = this.#sources[file] as RowSource;
    if (spooledAt !== undefined) return this.#spool as FileHandle;
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
    const handle = await openFile(path);
    this.#open.set(file, handle);
    return handle;
  }

  async close(): Promise<void> {
    const handles = [...this.#open.values(), ...(this.#spool ? [this.#spool] : [])];
    this.#open.clear();
    await Promise.all(handles.map((handle) => handle.close()));
  }
}
