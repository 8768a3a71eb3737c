import { createHash } from 'node:crypto';
import path from 'node:path';
import { digestOf } from './canonical-json.ts';
import { openFile, statFile } from './confined-files.ts';
import { ConfigurationError } from './errors.ts';
import { walkFolder } from './folder-walk.ts';

/** One file as a manifest records it. */
export interface FileRecord {
  /** Relative to the folder recorded, with `/`; the file's own name where one file was recorded. */
  path: string;
  /** Bytes. */
  size: number;
  /** Modification time in nanoseconds since the epoch; a string, since it is beyond 2^53. */
  mtime_ns: string;
  sha256: string;
}

/**
 * Records of a file, or of all files of a folder in path order.
 *
 * @param known records of an earlier time: where size and modification time are the same, their sha256 is taken
 *   over and the file isn't read.
 * @param exclude relative paths to leave out
 */
export async function recordFiles(
  target: string,
  known: readonly FileRecord[] = [],
  exclude: ReadonlySet<string> = new Set(),
): Promise<FileRecord[]> {
  const knownByPath = new Map(known.map((record) => [record.path, record]));
  const isFolder = statFile(target)?.isDirectory() ?? false;
  const names = isFolder ? listFiles(target) : [path.basename(target)];
  const records: FileRecord[] = [];
  for (const name of names) {
    if (exclude.has(name)) continue;
    const file = isFolder ? path.join(target, name) : target;
    const { size, mtimeNs } = await timesOf(file);
    const earlier = knownByPath.get(name);
    const unchanged = earlier && BigInt(earlier.size) === size && earlier.mtime_ns === String(mtimeNs);
    const sha256 = unchanged ? earlier.sha256 : await sha256OfFile(file);
    records.push({ path: name, size: Number(size), mtime_ns: String(mtimeNs), sha256 });
  }
  return records;
}

/** A digest of names and contents, whatever the modification times and wherever the folder is. */
export function contentDigest(records: readonly FileRecord[]): string {
  return digestOf(records.map(({ path: name, sha256 }) => [name, sha256]));
}

const UNREAD = 'Rename what it names, or let the user that runs this read it.';

/** All files below a folder, relative paths with `/`, sorted by code unit so that no locale changes the order. */
export function listFiles(folder: string): string[] {
  const { entries, unread } = walkFolder(folder);
  const [problem] = unread;
  if (problem !== undefined)
    throw new ConfigurationError(`${folder} can't be read whole: ${problem}`, { hint: UNREAD });
  return entries
    .filter(({ isFolder }) => !isFolder)
    .map(({ path: file }) => file)
    .sort((a, b) => (a < b ? -1 : 1));
}

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await openFile(file);
  for await (const chunk of handle.createReadStream({ highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Size and modification time. */
export async function timesOf(file: string): Promise<{ size: bigint; mtimeNs: bigint }> {
  const handle = await openFile(file);
  try {
    return await handle.stat({ bigint: true });
  } finally {
    await handle.close();
  }
}
