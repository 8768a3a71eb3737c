import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { lockHolder, lockOutput } from '@prometheus-actions/stage';

/** What has come of a file of the hub whose download did not end. */
export interface PartialDownload {
  /** Absolute path. */
  path: string;
  bytes: number;
  /** When the last byte came; milliseconds since the epoch. */
  modified: number;
  /** Stands for it to whoever locks it. */
  lockTarget: string;
  /** The process that is fetching it. */
  holder?: string;
}

const PARTIAL = /^([0-9a-f]{40}|[0-9a-f]{64})\.prometheus\.incomplete$/;

/** All partial downloads of this project in a cache of the hub; those of Python's library are not touched. */
export async function partialDownloads(cacheDir: string): Promise<PartialDownload[]> {
  const repositories = (await namesIn(cacheDir)).filter((name) => /^(models|datasets)--/.test(name));
  const found = await Promise.all(
    repositories.map(async (repository) => {
      const blobs = path.join(cacheDir, repository, 'blobs');
      return Promise.all(
        (await namesIn(blobs)).map((name) =>
          partialDownload(path.join(blobs, name), path.join(cacheDir, '.locks', repository)),
        ),
      );
    }),
  );
  return found.flat().filter((partial) => partial !== undefined);
}

/**
 * Removes a partial download, unless it is being fetched.
 *
 * @returns whether it was removed
 */
export async function removePartialDownload({ path: file, lockTarget }: PartialDownload): Promise<boolean> {
  if ((await lockHolder(lockTarget)) !== undefined) return false;
  const lock = await lockOutput(lockTarget).catch(() => undefined);
  if (!lock) return false;
  try {
    await rm(file, { force: true });
    return true;
  } finally {
    lock.release();
  }
}

async function partialDownload(file: string, locks: string): Promise<PartialDownload | undefined> {
  const etag = PARTIAL.exec(path.basename(file))?.[1];
  const info = etag && (await lstat(file).catch(() => undefined));
  if (!info || !info.isFile()) return undefined;
  const lockTarget = path.join(locks, etag);
  const holder = await lockHolder(lockTarget);
  return {
    path: file,
    bytes: info.size,
    modified: info.mtimeMs,
    lockTarget,
    ...(holder !== undefined && { holder }),
  };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
