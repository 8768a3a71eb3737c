import type { FileHandle } from 'node:fs/promises';

/**
 * A window over a part of a file that moves from its start to its end. What comes next is read while the caller works on
 * what is there.
 */
export class TextWindow {
  /** What is in the window, until it moves. */
  bytes: Buffer = Buffer.alloc(0);
  /** Offset in the file of its first byte. */
  base: number;
  readonly #handle: FileHandle;
  readonly #end: number;
  readonly #step: number;
  /** Bytes left free before what is read, for what is kept of the window before. */
  readonly #headroom: number;
  #next: Promise<Loaded>;
  /** Where is read to after that. */
  #spare: Buffer | undefined;

  /**
   * @param start offset of the first byte in the file
   * @param end offset after the last one
   * @param step bytes to read at a time
   */
  constructor(handle: FileHandle, start: number, end: number, step: number) {
    this.#handle = handle;
    this.#end = end;
    this.#step = step;
    this.#headroom = step >> 3;
    this.base = start;
    this.#next = this.#read(start, step);
  }

  /** Bytes of the file up to the end of the window. */
  get position(): number {
    return this.base + this.bytes.length;
  }

  /**
   * Drop the bytes before `from`, and add what comes next. When much is kept, as of a long row, as much is added.
   *
   * @returns the bytes added; 0 at the end
   */
  async advance(from: number): Promise<number> {
    const { storage, length } = await this.#next;
    const kept = this.bytes.subarray(from);
    this.base += from;
    const start = this.#headroom - kept.length;
    const added = storage.subarray(this.#headroom, this.#headroom + length);
    if (start < 0) this.bytes = Buffer.concat([kept, added]);
    else {
      kept.copy(storage, start);
      this.bytes = storage.subarray(start, this.#headroom + length);
    }
    this.#next = this.#read(this.position, this.#step + kept.length);
    this.#spare = storage;
    return length;
  }

  #read(position: number, step: number): Promise<Loaded> {
    const needed = this.#headroom + step;
    const spare = this.#spare;
    const storage = spare && spare.length >= needed ? spare : Buffer.allocUnsafeSlow(needed);
    const reading = this.#handle
      .read(storage, this.#headroom, Math.min(step, this.#end - position), position)
      .then(({ bytesRead }) => ({ storage, length: bytesRead }));
    // It is awaited when the window moves; until then, or when the caller stops, a failure must not count as unhandled.
    reading.catch(() => {});
    return reading;
  }
}

interface Loaded {
  storage: Buffer;
  /** Bytes after the headroom. */
  length: number;
}
