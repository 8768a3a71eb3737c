/** One file of the source, in the order in which rows come. */
export interface RowSource {
  /** As the user knows it. */
  path: string;
  /** Where its rows' JSON text begins in the spool; undefined where it is read from the file itself. */
  spooledAt?: number;
  /** What offsets of rows count, for messages; undefined in formats whose rows have no text of their own. */
  unit?: 'byte' | 'byte of the decompressed text';
}

/** Where one row's JSON text lies. */
export interface RowPlace {
  /** Index of the file in `RowIndex.sources`. */
  file: number;
  /** Byte offset of the row's `{`. */
  offset: number;
  /** Bytes from `{` to `}`, both included. */
  length: number;
}

/** Offsets of all rows of a list of files: 12 bytes a row, the one thing in memory that grows with the rows. */
export class RowIndex {
  readonly sources: RowSource[] = [];
  readonly #firstRows: number[] = [];
  #offsets = new Float64Array(1024);
  #lengths = new Uint32Array(1024);
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Rows added from now on are those of `source`. */
  beginSource(source: RowSource): void {
    this.sources.push(source);
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

  /** File, and `row 3 (from 0), byte 120`, of a row; `at` bytes into its text. */
  describe(row: number, at = 0): { path: string; where: string } {
    const { file, offset } = this.place(row);
    const { path, spooledAt = 0, unit } = this.sources[file] as RowSource;
    const inFile = `row ${row - (this.#firstRows[file] as number)} (from 0)`;
    return { path, where: unit ? `${inFile}, ${unit} ${offset - spooledAt + at}` : inFile };
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
