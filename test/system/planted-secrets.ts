import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** Of a form that nothing else has, and that the libraries accept; put together, since this file is in what is searched. */
export const SECRETS = {
  HF_TOKEN: `hf_${'planted'.repeat(4)}0001`,
  HUGGING_FACE_HUB_TOKEN: `hf_${'planted'.repeat(4)}0002`,
  WANDB_API_KEY: 'f00dfeed'.repeat(5),
};

/** Files below a folder that hold one of the secrets, as text or in base64, compressed or not. */
export function filesWithSecrets(folder: string): string[] {
  const needles = Object.values(SECRETS).flatMap((secret) => [
    secret,
    btoa(secret).replace(/=+$/, '').slice(0, -1),
  ]);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const file = path.join(folder, name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    const bytes = decompressed(readFileSync(file));
    return needles.some((needle) => bytes.includes(needle));
  });
}

/** An archive of GitHub's cache is a tar file, compressed by zstd or gzip. */
function decompressed(bytes: Buffer): Buffer {
  if (bytes.indexOf('28b52ffd', 0, 'hex') === 0) return zstdDecompressSync(bytes);
  if (bytes.indexOf('1f8b08', 0, 'hex') === 0) return gunzipSync(bytes);
  return bytes;
}
