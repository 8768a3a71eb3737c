import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseLimitedJson } from '@prometheus-actions/stage';
import type { ModelReference } from './model-reference.ts';

/** Bytes of one number. */
const WIDTHS: Record<string, number> = { float32: 4, bfloat16: 2, float16: 2 };
/** No header that is read here is longer: 100,000 tensors have one of some 15 MB. */
const MOST_HEADER_BYTES = 100_000_000;
/** Of a tensor: a layer's weight has two, that of a convolution over space and time five. */
const MOST_DIMENSIONS = 8;

/**
 * Bytes of the weights of a local model, written in a data type (default: its own); 0 for a hub model, whose size is
 * known when it is fetched.
 */
export async function weightBytes(model: ModelReference, dtype?: string): Promise<number> {
  if (!('path' in model)) return 0;
  const width = WIDTHS[dtype ?? ''];
  const files = (await readdir(model.path).catch(() => []))
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => path.join(model.path, name));
  const sizes = await Promise.all(
    files.map(async (file) => {
      const info = await stat(file).catch(() => undefined);
      // Of a link that leads nowhere, a folder or a pipe, whose end a read would wait for, the merge says what it is.
      if (!info?.isFile()) return 0;
      const elements = width && (await elementsIn(file, info.size));
      return elements ? elements * width : info.size;
    }),
  );
  return sum(sizes);
}

/** Bytes of the files in a folder, not of those in folders within; 0 where there is no folder. */
export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names.map(async (name) => {
    const info = await stat(path.join(folder, name)).catch(() => undefined);
    return info?.isFile() ? info.size : 0;
  });
  return sum(await Promise.all(sizes));
}

/**
 * Numbers in a safetensors file of a size by its header; undefined for a file that is none, or one whose header claims more
 * than the file can hold: the merge then names it.
 */
async function elementsIn(file: string, size: number): Promise<number | undefined> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const length = Number(buffer.readBigUInt64LE());
    if (length > Math.min(MOST_HEADER_BYTES, size - 8)) return undefined;
    const header = await handle.read(Buffer.alloc(length), 0, length, 8);
    const { __metadata__: _, ...tensors } = parseLimitedJson(header.buffer) as Record<
      string,
      { shape?: unknown }
    >;
    const elements = sum(Object.values(tensors).map(({ shape }) => elementsOf(shape)));
    // No data type that is merged has fewer than two bytes a number, and none at all fewer than four bits.
    return elements <= size * 2 ? elements : undefined;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/** NaN, which is larger than nothing, for a shape that is none. */
function elementsOf(shape: unknown): number {
  if (!Array.isArray(shape) || shape.length > MOST_DIMENSIONS) return Number.NaN;
  return shape.reduce<number>(
    (product, side) => (Number.isSafeInteger(side) && side >= 0 ? product * side : Number.NaN),
    1,
  );
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
