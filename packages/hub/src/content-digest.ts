import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * The hash that gives a file's `etag`, which the hub names it by: SHA-256 for what LFS stores, else the SHA-1 of a
 * git blob, which a header with the size precedes.
 *
 * @param size bytes
 */
export function contentHash(etag: string, size: number): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** Whether `text` can be an etag: 64 hexadecimal digits for SHA-256, 40 for SHA-1. */
export function isEtag(text: unknown): text is string {
  return typeof text === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** Whether a file is there and has the size and the content that its etag stands for. */
export async function isIntact(
  file: string,
  { etag, size }: { etag: string; size: number },
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile() || found.size !== size) return false;
  const hash = contentHash(etag, size);
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(piece as Buffer);
  }
  return hash.digest('hex') === etag;
}
