import type { FileHandle } from 'node:fs/promises';
import { type Data, Type } from 'apache-arrow';
import { ByteBuffer } from 'flatbuffers';

/**
 * Lists of one message of a file that are looked up. A file has two a batch and some for each column; a list of columns that
 * each are the list itself has no end.
 */
const MOST_LOOKUPS = 1_000_000;

/** Of one place: it is looked at to tell a file from a stream, and for its footer. */
const MOST_READS = 8;

const lookups = new WeakMap<ByteBuffer, number>();
const lengthOf = ByteBuffer.prototype.__vector_len;

/** The lists of a message of Arrow are not longer than the message: the library's decoder does not compare the two. */
ByteBuffer.prototype.__vector_len = function (this: ByteBuffer, offset: number): number {
  const length = lengthOf.call(this, offset);
  const before = lookups.get(this) ?? 0;
  lookups.set(this, before + 1);
  if (before >= MOST_LOOKUPS) throw new Error(`a message has more than ${MOST_LOOKUPS} lists`);
  if (!(length >= 0 && this.__vector(offset) + length <= this.capacity()))
    throw new Error(`a list of ${length} in a message of ${this.capacity()} bytes`);
  return length;
};

/** What a message says of a record batch: `_loadRecordBatch` and `_loadDictionaryBatch` of the library's reader get it. */
interface BatchHeader {
  length: number | bigint;
  nodes: { length: number | bigint; nullCount: number | bigint }[];
  buffers: { offset: number | bigint; length: number | bigint }[];
}
type Load<Header> = (header: Header, body: Uint8Array, ...rest: unknown[]) => unknown;
interface BatchLoader {
  _loadRecordBatch: Load<BatchHeader>;
  _loadDictionaryBatch: Load<{ data: BatchHeader }>;
}

/** Has a reader compare what a batch claims with its bytes before it makes columns of it, in loops over their lengths. */
export function checkBatches(reader: object): void {
  const { _impl: loader } = reader as { _impl: BatchLoader };
  const loadBatch = loader._loadRecordBatch;
  const loadDictionary = loader._loadDictionaryBatch;
  loader._loadRecordBatch = (header, body, ...rest) => {
    checkBatch(header, body.byteLength);
    return loadBatch.call(loader, header, body, ...rest);
  };
  loader._loadDictionaryBatch = (header, body, ...rest) => {
    checkBatch(header.data, body.byteLength);
    return loadDictionary.call(loader, header, body, ...rest);
  };
}

function checkBatch({ length, nodes, buffers }: BatchHeader, bytes: number): void {
  for (const claimed of [
    length,
    ...nodes.map((node) => node.length),
    ...nodes.map((node) => node.nullCount),
  ]) {
    // A value has a bit at least, of whether it is null.
    if (!(Number(claimed) >= 0 && Number(claimed) <= bytes * 8))
      throw new Error(`it claims ${claimed} values in ${bytes} bytes`);
  }
  for (const { offset, length } of buffers) {
    if (!(Number(offset) >= 0 && Number(length) >= 0 && Number(offset) + Number(length) <= bytes))
      throw new Error(`it claims the bytes from ${offset} on, ${length} of them, of ${bytes}`);
  }
}

/**
 * A file that says so where there is nothing to read: the library would read on without an end, behind the file's, and before
 * its start, which Node takes for the place of the last read. It also reads a batch again and again that is something else.
 */
export function checkedHandle(handle: FileHandle): FileHandle {
  const times = new Map<number, number>();
  const read = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
    if (!(Number.isSafeInteger(position) && position >= 0))
      throw new Error(`it is said to be at byte ${position}`);
    const before = times.get(position) ?? 0;
    if (before === MOST_READS) throw new Error(`what is at byte ${position} is no record batch`);
    times.set(position, before + 1);
    const result = await handle.read(buffer, offset, length, position);
    if (result.bytesRead === 0 && length > 0) throw new Error(`there is nothing at byte ${position}`);
    return result;
  };
  const checked = { fd: handle.fd, stat: () => handle.stat(), read, close: async () => {} };
  return checked as unknown as FileHandle;
}

/**
 * Checks that a column of a record batch has the bytes that its lengths and offsets claim: the library believes them, and
 * gives nothing, or a part, for what is not there.
 *
 * @param length rows that are read of it
 * @throws Error for a claim that can't be right
 */
export function checkColumn(data: Data, length = data.length): void {
  const { typeId, values, nullBitmap, nullCount, children } = data;
  if (data.length < length) throw new Error(`it has ${data.length} of ${length} values`);
  const known = (nullBitmap?.length ?? 0) * 8;
  if (typeId !== Type.Null && nullCount > 0 && known < data.offset + length)
    throw new Error(`it says of ${known} of ${length} values whether they are null`);
  switch (typeId) {
    case Type.Utf8:
    case Type.LargeUtf8:
      return checkOffsets(data, length, (values as Uint8Array).length);
    case Type.List:
    case Type.LargeList: {
      const child = children[0];
      if (!child) throw new Error('it is a list of nothing');
      checkOffsets(data, length, child.length);
      return checkColumn(child);
    }
    case Type.Struct:
      for (const child of children) checkColumn(child, length);
      return;
    case Type.Dictionary: {
      const entries = data.dictionary?.length ?? 0;
      for (const chunk of data.dictionary?.data ?? []) checkColumn(chunk);
      requireLength(values, length);
      for (let row = 0; row < length; row += 1) {
        const place = Number(values[row]);
        if (data.getValid(row) && !(place >= 0 && place < entries))
          throw new Error(`row ${row} of the batch is value ${place} of a dictionary of ${entries}`);
      }
      return;
    }
    case Type.Bool:
      return requireLength(values, Math.ceil((data.offset + length) / 8));
    case Type.Int:
    case Type.Float:
      return requireLength(values, length);
  }
}

function requireLength(values: ArrayLike<unknown> | undefined, length: number): void {
  if ((values?.length ?? 0) < length) throw new Error(`it has ${values?.length ?? 0} of ${length} values`);
}

function checkOffsets({ valueOffsets }: Data, length: number, end: number): void {
  // Writers leave the offsets of no values out.
  if (length === 0 && valueOffsets.length === 0) return;
  requireLength(valueOffsets, length + 1);
  let before = 0;
  for (let row = 0; row <= length; row += 1) {
    const offset = Number(valueOffsets[row]);
    if (!(offset >= before && offset <= end))
      throw new Error(`row ${row} of the batch begins at ${offset}, after ${before} and of ${end}`);
    before = offset;
  }
}
