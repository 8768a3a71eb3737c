import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelReference } from './model-reference.ts';

/** Bytes of one number. */
const WIDTHS: Record<string, number> = { float32: 4, bfloat16: 2, float16: 2 };
/** No header that is read here is longer: 100,000 tensors have one of some 15 MB. */
const MOST_HEADER_BYTES = 100_000_000;

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
      const elements = width && (await elementsIn(file));
      return elements ? elements * width : (await stat(file)).size;
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

/** Numbers in a safetensors file by its header; undefined for a file that is none, which the merge then names. */
async function elementsIn(file: string): Promise<number | undefined> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const length = Number(buffer.readBigUInt64LE());
    if (length > Math.min(MOST_HEADER_BYTES, (await handle.stat()).size)) return undefined;
    const header = await handle.read(Buffer.alloc(length), 0, length, 8);
    const tensors = JSON.parse(header.buffer.toString('utf8')) as Record<string, { shape?: number[] }>;
    return sum(
      Object.values(tensors).map(({ shape }) => shape?.reduce((product, side) => product * side, 1) ?? 0),
    );
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
