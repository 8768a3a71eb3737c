import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { openFile } from '@prometheus-actions/stage/confined-files';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import type { RowSpool } from '../row-spool.ts';
import { indexJsonRows, type ScanContext } from './json-rows.ts';
import type { Compression } from './source-format.ts';
import { type ZstdFrame, zstdFrames } from './zstd-frames.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Decompress a file of JSON rows into the spool, and index them there.
 *
 * @throws ConfigurationError when the file is damaged, or as {@link indexJsonRows}
 */
export async function indexCompressedJson(
  path: string,
  compression: Compression,
  spool: RowSpool,
  context: ScanContext,
): Promise<void> {
  await spool.flush();
  const start = spool.position;
  const handle = await openFile(path);
  try {
    for (const part of await parts(handle, compression))
      await decompress(handle, part, compression, spool, context);
  } catch (error) {
    throw explain(error, path, compression);
  } finally {
    await handle.close();
  }
  const unit = 'byte of the decompressed text';
  context.index.beginSource({ path, spooledAt: start, unit });
  const text = { path, handle: spool.handle, start, end: spool.position, unit } as const;
  await indexJsonRows(text, { ...context, onBytes: () => {} });
}

/** The parts of the file that are decompressed one by one. */
async function parts(handle: FileHandle, compression: Compression): Promise<ZstdFrame[]> {
  try {
    const { size } = await handle.stat();
    return compression === 'zstd' ? await zstdFrames(handle, size) : [{ start: 0, end: size }];
  } catch (error) {
    throw new DamagedFile((error as Error).message);
  }
}

async function decompress(
  handle: FileHandle,
  { start, end }: ZstdFrame,
  compression: Compression,
  spool: RowSpool,
  { onBytes, signal }: ScanContext,
): Promise<void> {
  let at = start;
  const source = handle.createReadStream({
    start,
    end: end - 1,
    highWaterMark: CHUNK_BYTES,
    autoClose: false,
  });
  source.on('data', (chunk) => {
    at += chunk.length;
    onBytes(chunk.length);
  });
  const decompressor = { gzip: createGunzip, zstd: createZstdDecompress }[compression]({
    chunkSize: CHUNK_BYTES,
  });
  try {
    await pipeline(
      source,
      decompressor,
      async (texts: AsyncIterable<Buffer>) => {
        for await (const text of texts) await spool.addText(text);
      },
      { signal },
    );
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw /^(Z_|ZSTD_)/.test(code) ? new DamagedFile(`${message}, between bytes ${start} and ${at}`) : error;
  }
}

class DamagedFile extends Error {
  override readonly name = 'DamagedFile';
}

function explain(error: unknown, path: string, compression: Compression): unknown {
  if (!(error instanceof DamagedFile)) return error;
  return new ConfigurationError(`the ${compression} file can't be decompressed: ${error.message}`, {
    hint: 'It is cut off or damaged: fetch it again.',
    place: { file: path },
  });
}
