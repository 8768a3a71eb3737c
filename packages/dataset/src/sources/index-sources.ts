import { RowSpool } from '../row-spool.ts';
import { indexCompressedJson } from './compressed-json.ts';
import { indexJsonFile, type ScanContext } from './json-rows.ts';
import { sourceFormat } from './source-format.ts';

/**
 * Index the rows of files, one after the other, whatever each of them holds.
 *
 * @param folder where rows that can't be read in any order in their file take their space
 * @returns the spool, where one was needed; the caller closes its handle
 * @throws ConfigurationError for a file that can't be read
 */
export async function indexSources(
  files: readonly string[],
  folder: string,
  context: ScanContext,
): Promise<RowSpool | undefined> {
  let spool: RowSpool | undefined;
  try {
    const formats = await Promise.all(files.map(sourceFormat));
    for (const [i, path] of files.entries()) {
      if (context.index.rows >= context.limit) break;
      const { format, compression } = formats[i] as (typeof formats)[number];
      if (format === 'json' && compression === undefined) {
        await indexJsonFile(path, context);
        continue;
      }
      spool ??= await RowSpool.create(folder, context.index);
      if (compression !== undefined) await indexCompressedJson(path, compression, spool, context);
      // The libraries that read them take memory, and most sources are JSON.
      else if (format === 'parquet') await (await import('./parquet.ts')).spoolParquet(path, spool, context);
      else await (await import('./arrow.ts')).spoolArrow(path, spool, context);
    }
    await spool?.flush();
    return spool;
  } catch (error) {
    await spool?.handle.close();
    throw error;
  }
}
