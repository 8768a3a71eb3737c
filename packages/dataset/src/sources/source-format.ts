import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';

export type SourceFormat = 'json' | 'parquet';

/**
 * Format of the source's files, by their first bytes.
 *
 * @throws ConfigurationError for a file that is missing, is not a regular file, or has another format than the first
 */
export async function sourceFormat(files: readonly string[]): Promise<SourceFormat> {
  const [first] = files;
  if (first === undefined) {
    throw new ConfigurationError('the source lists no files', {
      hint: 'Name at least one file under source.',
    });
  }
  let format: SourceFormat | undefined;
  for (const file of files) {
    const found = await fileFormat(file);
    format ??= found;
    if (found !== format) {
      throw new ConfigurationError(`the file is ${found}, but ${first} is ${format}`, {
        hint: 'Files of one source have one format; make a source of each, or convert one.',
        place: { file },
      });
    }
  }
  return format as SourceFormat;
}

async function fileFormat(file: string): Promise<SourceFormat> {
  const start = await firstBytes(file);
  const compression = COMPRESSED.find(([magic]) => start.subarray(0, magic.length).equals(magic))?.[1];
  if (compression) {
    throw new ConfigurationError(`the file is compressed with ${compression}`, {
      hint: 'Decompress it first.',
      place: { file },
    });
  }
  const magic = start.toString('latin1');
  if (magic === 'PAR1') return 'parquet';
  if (magic === 'PARE') {
    throw new ConfigurationError('the Parquet file is encrypted', {
      hint: 'Write it without encryption.',
      place: { file },
    });
  }
  if (extname(file).toLowerCase() === '.parquet') {
    throw new ConfigurationError(`the file does not start as Parquet does: found ${JSON.stringify(magic)}`, {
      hint: 'It may be a pointer of Git LFS, or cut off: fetch it again.',
      place: { file },
    });
  }
  return 'json';
}

const COMPRESSED: [Buffer, string][] = [
  [Buffer.from([0x1f, 0x8b]), 'gzip'],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'zstd'],
  [Buffer.from('PK\x03\x04'), 'zip'],
  [Buffer.from('BZh'), 'bzip2'],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58]), 'xz'],
];

async function firstBytes(file: string): Promise<Buffer> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    const problem =
      error.code === 'ENOENT' ? 'the file does not exist' : `the file can't be read: ${error.message}`;
    throw new ConfigurationError(problem, {
      hint: 'Correct the path under source; paths are relative to the file that names them.',
      place: { file },
      cause: error,
    });
  });
  if (!found.isFile()) {
    throw new ConfigurationError(`found ${found.isDirectory() ? 'a folder' : 'no regular file'}`, {
      hint: 'Name the file itself.',
      place: { file },
    });
  }
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`the file can't be read: ${error.message}`, {
      hint: 'Let the user that runs this read the file.',
      place: { file },
      cause: error,
    });
  });
  try {
    const bytes = Buffer.alloc(4);
    const { bytesRead } = await handle.read(bytes, 0, 4, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
