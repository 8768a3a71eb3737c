import type { PageHeader } from 'hyparquet';
import type { readPage } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { readVarInt } from 'hyparquet/src/thrift.js';

/** Of a page, unpacked: writers end a page at 1 MB, but for a single value that is larger. */
const MOST_PAGE_BYTES = 1 << 28;
/** Of a page: a run of equal values takes a few bytes, however many they are. Writers' row groups have a million rows. */
export const MOST_PAGE_VALUES = 1 << 24;

type ColumnDecoder = Parameters<typeof readPage>[2];

interface Reader {
  view: DataView;
  offset: number;
}

/**
 * A data page, unpacked, whose claims of lengths hold: the library believes them, and a run of two billion values, or texts
 * that each repeat the one before, would fill the memory from a few bytes.
 *
 * @returns bytes and header for the library to read, as of a page that is not compressed
 * @throws Error for a claim that can't be right
 */
export function checkedPage(
  payload: Uint8Array,
  header: PageHeader,
  decoder: ColumnDecoder,
): { payload: Uint8Array; header: PageHeader } {
  const size = Number(header.uncompressed_page_size);
  if (!(size >= 0 && size <= MOST_PAGE_BYTES)) throw new Error(`a page claims ${size} bytes`);
  const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
  const values = Number((header.type === 'DICTIONARY_PAGE' ? dictionary : (v1 ?? v2))?.num_values);
  if (!(values >= 0 && values <= MOST_PAGE_VALUES)) throw new Error(`a page claims ${values} values`);
  const levels = [
    getMaxRepetitionLevel(decoder.schemaPath),
    getMaxDefinitionLevel(decoder.schemaPath),
  ] as const;
  if (header.type === 'DATA_PAGE_V2' && v2) {
    const sizes = [
      Number(v2.repetition_levels_byte_length ?? 0),
      Number(v2.definition_levels_byte_length),
    ] as const;
    const [repetition, definition] = sizes;
    const start = repetition + definition;
    if (!(repetition >= 0 && definition >= 0 && start <= Math.min(payload.length, size)))
      throw new Error('the levels of a page are longer than it is');
    if (levels[0]) checkRuns(readerOf(payload), 0, repetition, levels[0], values);
    if (levels[1]) checkRuns(readerOf(payload), repetition, start, levels[1], values);
    const packed = v2.is_compressed !== false && decoder.codec !== 'UNCOMPRESSED';
    const rest = payload.subarray(start);
    const data = packed ? decompressPage(rest, size - start, decoder.codec, decoder.compressors) : rest;
    checkData(readerOf(data), v2.encoding, decoder, values);
    const whole = Buffer.concat([payload.subarray(0, start), data]);
    return {
      payload: whole,
      header: {
        ...header,
        ...{ compressed_page_size: whole.length, uncompressed_page_size: whole.length },
        data_page_header_v2: { ...v2, is_compressed: false },
      },
    };
  }
  const page = decompressPage(payload, size, decoder.codec, decoder.compressors);
  if (header.type === 'DATA_PAGE' && v1) {
    const reader = readerOf(page);
    for (const level of levels) if (level) checkPrefixedRuns(reader, level, values);
    checkData(reader, v1.encoding, decoder, values);
  }
  return { payload: page, header: { ...header, compressed_page_size: page.length } };
}

/** Whether a value is missing, at any depth: of a dictionary that does not have it, the library gives nothing. */
export function lacksValue(values: ArrayLike<unknown>): boolean {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === undefined || (Array.isArray(value) && lacksValue(value))) return true;
  }
  return false;
}

/** What follows the levels. */
function checkData(reader: Reader, encoding: string, { type }: ColumnDecoder, values: number): void {
  if (encoding === 'RLE' && type === 'BOOLEAN') checkPrefixedRuns(reader, 1, values);
  else if (encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY') {
    if (reader.offset >= reader.view.byteLength) return;
    const width = reader.view.getUint8(reader.offset);
    if (width > 32) throw new Error(`places in a dictionary of ${width} bits`);
    if (width > 0) checkRuns(reader, reader.offset + 1, reader.view.byteLength, 2 ** width - 1, values);
  } else if (encoding === 'DELTA_BYTE_ARRAY' && reader.offset < reader.view.byteLength) {
    const start = reader.offset;
    const [, , count = 0] = [readVarInt(reader), readVarInt(reader), readVarInt(reader)];
    if (!(count >= 0 && count <= values)) throw new Error(`${count} texts, in a page of ${values} values`);
    const shared = new Int32Array(count);
    deltaBinaryUnpack({ ...reader, offset: start }, count, shared);
    const repeated = shared.reduce((sum, length) => sum + length, 0);
    if (repeated > MOST_PAGE_BYTES) throw new Error(`a page claims texts that repeat ${repeated} bytes`);
  }
}

/** Levels of a page of version 1, whose length is before them. */
function checkPrefixedRuns(reader: Reader, highest: number, values: number): void {
  const length = reader.view.getUint32(reader.offset, true);
  const start = reader.offset + 4;
  if (start + length > reader.view.byteLength) throw new Error('the levels of a page are longer than it is');
  checkRuns(reader, start, start + length, highest, values);
  reader.offset = start + length;
}

/** Runs of equal values are not longer than the page. Values one by one have bytes of their own, whose end is noticed. */
function checkRuns({ view }: Reader, start: number, end: number, highest: number, values: number): void {
  const width = Math.ceil(Math.log2(highest + 1));
  const reader = { view, offset: start };
  for (let seen = 0; seen < values && reader.offset < end; ) {
    const run = readVarInt(reader);
    const count = run & 1 ? (run >>> 1) * 8 : run >>> 1;
    if ((run & 1 ? count - 8 : count) > values - seen)
      throw new Error(`a run of ${count} values, in a page of ${values}`);
    reader.offset += run & 1 ? (count / 8) * width : (width + 7) >> 3;
    seen += count;
  }
}

function readerOf(bytes: Uint8Array): Reader {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}
