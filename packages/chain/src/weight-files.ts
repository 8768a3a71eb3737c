import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelReference } from './model-reference.ts';

/** Bytes of a local model's safetensors files; 0 for a hub model, whose size is known when it is fetched. */
export async function weightBytes(model: ModelReference): Promise<number> {
  if (!('path' in model)) return 0;
  const names = (await readdir(model.path).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(model.path, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
