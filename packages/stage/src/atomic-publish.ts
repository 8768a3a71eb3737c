import { open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a finished folder the output, so that the output is the old one or the new one, never a part of either.
 *
 * Everything in `finished` is flushed to the disk first. A folder can't be renamed over one that has files, so an
 * old output is moved aside first; after a crash between the two renames the output is absent, `finished` is whole,
 * and publishing again ends the work.
 */
export async function publishFolder(finished: string, output: string): Promise<void> {
  await syncTree(finished);
  const old = path.join(path.dirname(output), `.${path.basename(output)}.old`);
  await rm(old, { recursive: true, force: true });
  await rename(output, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(finished, output);
  await syncPath(path.dirname(output));
  await rm(old, { recursive: true, force: true });
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const child = path.join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(child);
    else await syncPath(child);
  }
  await syncPath(folder);
}

async function syncPath(target: string): Promise<void> {
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
