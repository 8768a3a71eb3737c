import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { type ArrowOutput, DEFAULT_SHARD_BYTES } from './arrow-output.ts';
import { type Column, ColumnTable } from './column-table.ts';
import { RowFiles } from './row-files.ts';
import { RowIndex } from './row-index.ts';
import { RowSpool } from './row-spool.ts';
import { indexJsonArray, type ScanContext } from './sources/json-array.ts';
import { spoolParquet } from './sources/parquet.ts';
import { sourceFormat } from './sources/source-format.ts';
import { checkSplitSettings, type SplitSettings, splitRows } from './split.ts';
import { type RepeatMetrics, repeatMetrics, type SplitMetrics, TextHashes } from './split-metrics.ts';
import { FrameWriting } from './write-frame.ts';

export interface DatasetSettings {
  /** Absolute paths of JSON arrays or of Parquet files; several are read as one, in this order. */
  source: { files: string[] };
  /** Put before the user column, with a blank line between. */
  system_prompt?: string | undefined;
  /** Columns whose text becomes the two messages. */
  columns: { user: string; assistant: string };
  split: SplitSettings | 'none';
}

export interface PrepareOptions {
  signal?: AbortSignal | undefined;
  /** First bytes of the source crossed, then rows written. */
  onProgress?: ((done: number, total: number, unit: 'bytes' | 'rows') => void) | undefined;
  /** Bytes of one Arrow file at most. Default 500 MB. */
  maxShardBytes?: number | undefined;
}

export interface PreparedDataset {
  /** Columns of the source, with their types; the output adds `messages` and, with a split, `__index_level_0__`. */
  columns: Column[];
  source: { rows: number; bytes: number };
  train: ArrowOutput;
  test?: ArrowOutput;
  metrics: {
    train: SplitMetrics;
    test?: SplitMetrics;
    /** By column: the user column, and `orig_instruction` where the source has it. */
    repeats: Record<string, RepeatMetrics>;
  };
}

/**
 * Prepare training data: read rows, add `messages`, split, and write `train` and `test` as `datasets.load_from_disk`
 * reads them. Memory stays bounded: it grows by some forty bytes a row and with the longest row, not with the data.
 *
 * The result equals, order included, pandas' frame of the rows with the messages appended, scikit-learn's
 * `train_test_split`, and `Dataset.from_pandas(…).save_to_disk(…)`.
 *
 * @param outputDir an empty folder, or one to be made
 * @throws ConfigurationError for settings or sources that can't be prepared
 */
export async function prepareDataset(
  settings: DatasetSettings,
  outputDir: string,
  options: PrepareOptions = {},
): Promise<PreparedDataset> {
  checkSettings(settings);
  const format = await sourceFormat(settings.source.files);
  await mkdir(outputDir, { recursive: true });
  if ((await readdir(outputDir)).length > 0) throw new Error(`the output folder is not empty: ${outputDir}`);

  const index = new RowIndex();
  const columns = new ColumnTable([...new Set(Object.values(settings.columns))]);
  const { total, onBytes } = await bytesProgress(settings.source.files, options);
  const context: ScanContext = { columns, index, signal: options.signal, onBytes };
  let files: RowFiles;
  if (format === 'json') {
    for (const file of settings.source.files) await indexJsonArray(file, context);
    files = new RowFiles(index.files);
  } else {
    files = await spoolAll(settings.source.files, outputDir, context);
  }
  try {
    const order: { train: Uint32Array; test?: Uint32Array } =
      settings.split === 'none'
        ? { train: Uint32Array.from({ length: index.rows }, (_, i) => i) }
        : splitRows(index.rows, settings.split);
    const writing = new FrameWriting({
      index,
      files,
      columns: columns.resolved(),
      user: settings.columns.user,
      assistant: settings.columns.assistant,
      systemPrompt: settings.system_prompt,
      withRowNumbers: settings.split !== 'none',
      maxShardBytes: options.maxShardBytes ?? DEFAULT_SHARD_BYTES,
      signal: options.signal,
      onRows: (done) => options.onProgress?.(done, index.rows, 'rows'),
    });
    const test = order.test && (await writing.write(join(outputDir, 'test'), order.test));
    const train = await writing.write(join(outputDir, 'train'), order.train);
    return {
      columns: columns.resolved(),
      source: { rows: index.rows, bytes: total },
      train: train.output,
      ...(test && { test: test.output }),
      metrics: {
        train: train.metrics,
        ...(test && { test: test.metrics }),
        repeats: Object.fromEntries(
          [...train.hashes].map(([column, hashes]) => [
            column,
            repeatMetrics(hashes, test?.hashes.get(column) ?? new TextHashes(0)),
          ]),
        ),
      },
    };
  } finally {
    await files.close();
  }
}

function checkSettings({ split, system_prompt: systemPrompt }: DatasetSettings): void {
  if (split !== 'none') checkSplitSettings(split);
  if (systemPrompt !== undefined && !systemPrompt.isWellFormed()) {
    throw new ConfigurationError('system_prompt holds half of a surrogate pair, which has no UTF-8 form', {
      hint: 'Write both halves of the character, or leave it out.',
    });
  }
}

async function bytesProgress(
  files: readonly string[],
  { onProgress }: PrepareOptions,
): Promise<{ total: number; onBytes: (bytes: number) => void }> {
  let total = 0;
  for (const file of files) total += (await stat(file)).size;
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    if (bytes > 0) onProgress?.(done, total, 'bytes');
  };
  return { total, onBytes };
}

async function spoolAll(paths: readonly string[], folder: string, context: ScanContext): Promise<RowFiles> {
  const spool = await RowSpool.create(folder, context.index);
  try {
    for (const path of paths) await spoolParquet(path, spool, context);
    await spool.flush();
  } catch (error) {
    await spool.handle.close();
    throw error;
  }
  return new RowFiles(context.index.files, new Map([[0, spool.handle]]));
}
