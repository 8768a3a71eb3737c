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

/** What an index holds, for another thread: the places of the rows are shared with it. */
export interface SharedRowIndex {
  sources: RowSource[];
  firstRows: number[];
  rows: number;
  blocks: RowBlock[];
}

/** Places of {@link BLOCK_ROWS} rows, in shared memory. */
interface RowBlock {
  offsets: Float64Array;
  lengths: Uint32Array;
}

const BLOCK_BITS = 14;
const BLOCK_ROWS = 1 << BLOCK_BITS;

/** Offsets of all rows of a list of files: 12 bytes a row. */
export class RowIndex {
  readonly sources: RowSource[];
  readonly #firstRows: number[];
  readonly #blocks: RowBlock[];
  #rows: number;

  /** @param shared what another index holds; a new one is empty */
  constructor({ sources, firstRows, rows, blocks }: SharedRowIndex = EMPTY) {
    this.sources = [...sources];
    this.#firstRows = [...firstRows];
    this.#blocks = [...blocks];
    this.#rows = rows;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Nothing may be added afterwards. */
  share(): SharedRowIndex {
    return { sources: this.sources, firstRows: this.#firstRows, rows: this.#rows, blocks: this.#blocks };
  }

  /** Rows added from now on are those of `source`. */
  beginSource(source: RowSource): void {
    this.sources.push(source);
    this.#firstRows.push(this.#rows);
  }

  add(offset: number, length: number): void {
    const place = this.#rows % BLOCK_ROWS;
    if (place === 0) this.#blocks.push(newBlock());
    const { offsets, lengths } = this.#blocks.at(-1) as RowBlock;
    offsets[place] = offset;
    lengths[place] = length;
    this.#rows++;
  }

  /** Bytes of a row's JSON text. */
  length(row: number): number {
    return this.#block(row).lengths[row % BLOCK_ROWS] as number;
  }

  place(row: number): RowPlace {
    const { offsets, lengths } = this.#block(row);
    const place = row % BLOCK_ROWS;
    return { file: this.#fileOf(row), offset: offsets[place] as number, length: lengths[place] as number };
  }

  /** File, and `row 3 (from 0), byte 120`, of a row; `at` bytes into its text. */
  describe(row: number, at = 0): { path: string; where: string } {
    const { file, offset } = this.place(row);
    const { path, spooledAt = 0, unit } = this.sources[file] as RowSource;
    const inFile = `row ${row - (this.#firstRows[file] as number)} (from 0)`;
    return { path, where: unit ? `${inFile}, ${unit} ${offset - spooledAt + at}` : inFile };
  }

  #block(row: number): RowBlock {
    return this.#blocks[row >>> BLOCK_BITS] as RowBlock;
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
}

const EMPTY: SharedRowIndex = { sources: [], firstRows: [], rows: 0, blocks: [] };

function newBlock(): RowBlock {
  return {
    offsets: new Float64Array(new SharedArrayBuffer(8 * BLOCK_ROWS)),
    lengths: new Uint32Array(new SharedArrayBuffer(4 * BLOCK_ROWS)),
  };
}
