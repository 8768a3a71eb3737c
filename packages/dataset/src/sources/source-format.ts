import type { Stats } from 'node:fs';
import { extname } from 'node:path';
import { openFile, RefusedPath, statFile } from '@prometheus-actions/stage/confined-files';
import { mayQuote } from '@prometheus-actions/stage/confinement';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { isLfsPointer, LFS_FAULT, START_BYTES } from '@prometheus-actions/stage/text-file';

export type SourceFormat = 'json' | 'parquet' | 'arrow';
export type Compression = 'gzip' | 'zstd';

/**
 * What a file holds, by its first bytes; compressed ones are taken to hold JSON.
 *
 * @throws ConfigurationError for a file that is missing, is not a regular file, or holds what can't be read
 */
export async function sourceFormat(
  file: string,
): Promise<{ format: SourceFormat; compression?: Compression }> {
  const start = await firstBytes(file);
  const startsWith = (magic: Buffer) => start.subarray(0, magic.length).equals(magic);
  for (const [compression, magic] of READ_COMPRESSED)
    if (startsWith(magic)) return { format: 'json', compression };
  if (isLfsPointer(start))
    throw new ConfigurationError(LFS_FAULT.problem, { hint: LFS_FAULT.hint, place: { file } });
  const refused = REFUSED.find(([magic]) => startsWith(magic));
  if (refused) {
    const [, problem, hint] = refused;
    throw new ConfigurationError(problem, { hint, place: { file } });
  }
  if (startsWith(Buffer.from('PAR1'))) return { format: 'parquet' };
  if (startsWith(ARROW_STREAM) || startsWith(ARROW_FILE)) return { format: 'arrow' };
  const extension = extname(file).toLowerCase();
  const expected = {
    '.parquet': 'Parquet',
    '.arrow': 'Arrow',
    '.feather': 'Arrow',
    '.gz': 'gzip',
    '.zst': 'zstd',
  }[extension];
  if (expected !== undefined && start.length > 0) {
    throw new ConfigurationError(
      `the file does not start as ${expected} does: ${mayQuote(file) ? `found ${JSON.stringify(start.toString('latin1', 0, 8))}` : 'found something else'}`,
      { hint: 'It may be another format, or cut off: fetch it again.', place: { file } },
    );
  }
  return { format: 'json' };
}

const READ_COMPRESSED: [Compression, Buffer][] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];
/** The mark before the first message of an Arrow stream, as all writers since 2019 make it. */
const ARROW_STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const ARROW_FILE = Buffer.from('ARROW1');

const DECOMPRESS = 'Decompress it first; gzip and zstd are read as they are.';
const REFUSED: [magic: Buffer, problem: string, hint: string][] = [
  [Buffer.from('PARE'), 'the Parquet file is encrypted', 'Write it without encryption.'],
  [Buffer.from('PK\x03\x04'), 'the file is compressed with zip', DECOMPRESS],
  [Buffer.from('BZh'), 'the file is compressed with bzip2', DECOMPRESS],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58]), 'the file is compressed with xz', DECOMPRESS],
];

async function firstBytes(file: string): Promise<Buffer> {
  const found = statsOf(file);
  if (!found.isFile()) {
    throw new ConfigurationError(`found ${found.isDirectory() ? 'a folder' : 'no regular file'}`, {
      hint: 'Name the file itself.',
      place: { file },
    });
  }
  const handle = await openFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`the file can't be read: ${error.message}`, {
      hint: 'Let the user that runs this read the file.',
      place: { file },
      cause: error,
    });
  });
  try {
    const bytes = Buffer.alloc(START_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function statsOf(file: string): Stats {
  let cause: unknown;
  try {
    const found = statFile(file);
    if (found) return found;
  } catch (error) {
    if (error instanceof RefusedPath) throw error;
    cause = error;
  }
  const problem = cause ? `the file can't be read: ${(cause as Error).message}` : 'the file does not exist';
  throw new ConfigurationError(problem, {
    hint: 'Correct the path under source; paths are relative to the file that names them.',
    place: { file },
    cause,
  });
}
