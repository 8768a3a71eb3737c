/** Where one row's JSON text lies. */
export interface RowPlace {
  /** Index of the file in `RowIndex.files`. */
  file: number;
  /** Byte offset of the row's `{`. */
  offset: number;
  /** Bytes from `{` to `}`, both included. */
  length: number;
}

/** Offsets of all rows of a list of files: 12 bytes a row, the one thing in memory that grows with the rows. */
export class RowIndex {
  readonly files: string[] = [];
  readonly #firstRows: number[] = [];
  #offsets = new Float64Array(1024);
  #lengths = new Uint32Array(1024);
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Rows added from now on lie in `path`. */
  beginFile(path: string): void {
    this.files.push(path);
    this.#firstRows.push(this.#rows);
  }

  add(offset: number, length: number): void {
    if (this.#rows === this.#offsets.length) this.#grow();
    this.#offsets[this.#rows] = offset;
    this.#lengths[this.#rows] = length;
    this.#rows++;
  }

  /** Bytes of a row's JSON text. */
  length(row: number): number {
    return this.#lengths[row] as number;
  }

  place(row: number): RowPlace {
    return { file: this.#fileOf(row), offset: this.#offsets[row] as number, length: this.length(row) };
  }

  /** Number of a row within its file, from 0. */
  rowInFile(row: number): number {
    return row - (this.#firstRows[this.#fileOf(row)] as number);
  }

  #fileOf(row: number): number {
    let low = 0;
    let high = this.#firstRows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#firstRows[middle] as number) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #grow(): void {
    const offsets = new Float64Array(this.#offsets.length * 2);
    const lengths = new Uint32Array(this.#lengths.length * 2);
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    this.#offsets = offsets;
    this.#lengths = lengths;
  }
}
