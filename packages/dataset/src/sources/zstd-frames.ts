import type { FileHandle } from 'node:fs/promises';

/** Where one frame of a zstd file lies. */
export interface ZstdFrame {
  start: number;
  /** Byte after the last one. */
  end: number;
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RESERVED_BLOCK = 3;
const RLE_BLOCK = 1;
const LONGEST_HEADER = 18;

/**
 * Find the frames of a zstd file by their block headers. Node's decompressor ends after the first frame and says nothing
 * of others, which parallel compressors and concatenation make.
 *
 * Source: RFC 8878, sections 3.1.1 and 3.1.2.
 *
 * @throws Error with the byte, where the file is cut off or holds something else
 */
export async function zstdFrames(handle: FileHandle, size: number): Promise<ZstdFrame[]> {
  const read = async (at: number, length: number): Promise<Buffer> => {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  const frames: ZstdFrame[] = [];
  for (let start = 0; start < size; ) {
    const header = await read(start, LONGEST_HEADER);
    if (header.length < 8) throw new Error(`the file ends inside the frame at byte ${start}`);
    const magic = header.readUInt32LE(0);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      start += 8 + header.readUInt32LE(4);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw new Error(`no zstd frame starts at byte ${start}`);
    const descriptor = header.readUInt8(4);
    let at = start + headerBytes(descriptor);
    for (let last = false; !last; ) {
      const block = await read(at, 3);
      if (block.length < 3) throw new Error(`the file ends inside the frame at byte ${start}`);
      const bits = block.readUIntLE(0, 3);
      const type = (bits >> 1) & 3;
      if (type === RESERVED_BLOCK)
        throw new Error(`the block at byte ${at} has a type that zstd does not know`);
      last = (bits & 1) === 1;
      at += 3 + (type === RLE_BLOCK ? 1 : bits >> 3);
    }
    const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
    if (end > size) throw new Error(`the file ends inside the frame at byte ${start}`);
    frames.push({ start, end });
    start = end;
  }
  return frames;
}

/** Bytes of magic and frame header, up to the first block. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor >> 5) & 1;
  const contentSize = [singleSegment, 2, 4, 8][descriptor >> 6] as number;
  const dictionaryId = [0, 1, 2, 4][descriptor & 3] as number;
  return 4 + 1 + (1 - singleSegment) + dictionaryId + contentSize;
}
