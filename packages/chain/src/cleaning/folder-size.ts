import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** A file or a folder with all below it. */
export interface Part {
  /** Absolute. */
  path: string;
  bytes: number;
  /** When the newest of its files and folders was written to; milliseconds since the epoch. */
  modified: number;
}

/** What is at a path, links counted as themselves; undefined where there is nothing. */
export async function partAt(target: string): Promise<Part | undefined> {
  const info = await lstat(target).catch(() => undefined);
  if (!info) return undefined;
  const own = { path: target, bytes: info.isDirectory() ? 0 : info.size, modified: info.mtimeMs };
  if (!info.isDirectory()) return own;
  const names = await readdir(target).catch(() => []);
  const inner = await Promise.all(names.map((name) => partAt(path.join(target, name))));
  return inner.reduce<Part>(
    (sum, part) => ({
      path: target,
      bytes: sum.bytes + (part?.bytes ?? 0),
      modified: Math.max(sum.modified, part?.modified ?? 0),
    }),
    own,
  );
}

/** The names of the folders in a folder, links to folders not among them; none where it is no folder itself. */
export async function folderNames(folder: string): Promise<string[]> {
  const info = await lstat(folder).catch(() => undefined);
  if (!info?.isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
