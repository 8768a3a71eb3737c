import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { parquetHeader, readPage } from 'hyparquet/src/column.js';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressLz4, decompressLz4Raw, decompressSnappy } from 'hyparquet-compressors';
import { checkedPage, lacksValue } from './parquet-limits.ts';

/** Decompressors by Parquet's name of the codec; those that Node has are its own, in native code. */
export const PAGE_CODECS = {
  UNCOMPRESSED: (input: Uint8Array) => input,
  SNAPPY: decompressSnappy,
  GZIP: (input: Uint8Array, length: number) => gunzipSync(input, { maxOutputLength: Math.max(length, 1) }),
  ZSTD: (input: Uint8Array, length: number) =>
    zstdDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
  BROTLI: (input: Uint8Array, length: number) =>
    brotliDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};

/**
 * The pages of one column chunk, decoded one at a time, so that a row group of any size needs a page a column.
 *
 * Text is decoded strictly: a value that is not UTF-8 comes out as its bytes.
 */
export class ColumnPages {
  readonly #handle: FileHandle;
  readonly #metadata: ColumnMetaData;
  readonly #decoder: Parameters<typeof readPage>[2];
  readonly #end: number;
  #position: number;
  #dictionary: DecodedArray | undefined;
  readonly #nested: boolean;
  /** The last row of a nested column: the next page may go on with it. */
  #held: unknown[] = [];

  /**
   * @param schemaPath the schema's elements from the root to this column
   * @param size bytes of the file, in which the column must be
   */
  constructor(handle: FileHandle, metadata: ColumnMetaData, schemaPath: SchemaTree[], size: number) {
    this.#handle = handle;
    this.#metadata = metadata;
    const first = Number(metadata.dictionary_page_offset || metadata.data_page_offset);
    this.#position = first;
    this.#end = first + Number(metadata.total_compressed_size);
    if (!(first >= 0 && this.#end >= first && this.#end <= size)) {
      throw new Error(`it claims the bytes ${first} to ${this.#end} of a file of ${size}`);
    }
    this.#nested = schemaPath.length > 2;
    this.#decoder = {
      pathInSchema: metadata.path_in_schema,
      type: metadata.type,
      element: (schemaPath.at(-1) as SchemaTree).element,
      schemaPath,
      codec: metadata.codec,
      parsers: PARSERS,
      compressors: PAGE_CODECS,
    };
  }

  /**
   * Values of the next rows: those of a data page, or undefined after the last. A row of a nested column is a list for
   * each level of it that repeats or may be null.
   */
  async next(): Promise<DecodedArray | undefined> {
    while (this.#position < this.#end) {
      const { header, length } = await this.#header();
      const start = this.#position + length;
      if (!(header.compressed_page_size >= 0 && start + header.compressed_page_size <= this.#end)) {
        throw new Error(
          `page at byte ${this.#position} claims ${header.compressed_page_size} bytes, beyond its column`,
        );
      }
      this.#position = start + header.compressed_page_size;
      if (header.type === 'INDEX_PAGE') continue;
      const packed = await this.#read(start, header.compressed_page_size);
      const page = checkedPage(packed, header, this.#decoder);
      const { buffer, byteOffset, byteLength } = page.payload;
      const reader = { view: new DataView(buffer, byteOffset, byteLength), offset: 0 };
      const before = this.#nested ? this.#held : undefined;
      const unpacked = { ...this.#decoder, codec: 'UNCOMPRESSED' as const };
      const { data } = readPage(reader, page.header, unpacked, this.#dictionary, before, 0);
      if (header.type !== 'DICTIONARY_PAGE' && data && lacksValue(data)) {
        throw new Error(`page at byte ${start - length} has values that its dictionary does not have`);
      }
      if (header.type === 'DICTIONARY_PAGE') this.#dictionary = data && convert(data, this.#decoder);
      else if (data && this.#nested) {
        this.#held = Array.from(data).splice(-1);
        if (data.length > 1) return Array.from(data).slice(0, -1);
      } else if (data && data.length > 0) return data;
    }
    return this.#held.length > 0 ? this.#held.splice(0) : undefined;
  }

  /** The page header at the position. Its length is not known beforehand: it may hold long statistics. */
  async #header(): Promise<{ header: PageHeader; length: number }> {
    const left = this.#end - this.#position;
    for (let size = Math.min(HEADER_BYTES, left); ; size = Math.min(size * 16, left)) {
      const bytes = await this.#read(this.#position, size);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        return { header: parquetHeader(reader), length: reader.offset };
      } catch (error) {
        if (size === left) {
          throw new Error(`no page header at byte ${this.#position}`, { cause: error });
        }
      }
    }
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, position + filled);
      if (bytesRead === 0) {
        throw new Error(`the file ends inside a page of column ${this.#metadata.path_in_schema.join('.')}`);
      }
      filled += bytesRead;
    }
    return bytes;
  }
}

/** The rows of a column that holds lists of structs: its leaves, each a column chunk of its own, put together. */
export class NestedPages {
  readonly #node: SchemaTree;
  readonly #leaves: { name: string; pages: ColumnPages; rows: unknown[] }[];

  constructor(node: SchemaTree, leaves: readonly { name: string; pages: ColumnPages }[]) {
    this.#node = node;
    this.#leaves = leaves.map((leaf) => ({ ...leaf, rows: [] }));
  }

  /** Values of the next rows, or undefined after the last. @throws Error where the leaves differ in length */
  async next(): Promise<DecodedArray | undefined> {
    for (const leaf of this.#leaves) {
      if (leaf.rows.length === 0) leaf.rows = Array.from((await leaf.pages.next()) ?? []);
    }
    const count = Math.min(...this.#leaves.map(({ rows }) => rows.length));
    if (count === 0) {
      if (this.#leaves.every(({ rows }) => rows.length === 0)) return undefined;
      throw new Error('its parts have different numbers of rows');
    }
    const columns = new Map(this.#leaves.map(({ name, rows }) => [name, rows.splice(0, count)]));
    assembleNested(columns, this.#node, PARSERS);
    return columns.get(this.#node.path.join('.'));
  }
}

const HEADER_BYTES = 4096;

const text = new TextDecoder('utf-8', { ignoreBOM: true });
const PARSERS = { ...DEFAULT_PARSERS, stringFromBytes: decodeText, jsonFromBytes: decodeText };

function decodeText(bytes: Uint8Array | undefined): string | Uint8Array | undefined {
  return bytes === undefined || !isUtf8(bytes) ? bytes : text.decode(bytes);
}
