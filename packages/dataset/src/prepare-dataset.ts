import { mkdir, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isThere, statFile } from '@prometheus-actions/stage/confined-files';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import type { MessageSettings } from './arrow-batch.ts';
import { type ArrowOutput, DEFAULT_SHARD_BYTES } from './arrow-output.ts';
import { type Column, type ColumnRoles, ColumnTable, RowFault } from './column-table.ts';
import { type DataReport, dataReport } from './data-report.ts';
import { splitGroups } from './group-split.ts';
import { RowFiles } from './row-files.ts';
import { groupRows } from './row-groups.ts';
import { RowIndex } from './row-index.ts';
import { indexSources } from './sources/index-sources.ts';
import { checkSplitSettings, type SplitSettings, splitRows } from './split.ts';
import type { TokenLimit } from './token-estimate.ts';
import { FrameWriting } from './write-frame.ts';

export interface DatasetSettings {
  /** Absolute paths of files, of one format or several; read as one, in this order. */
  source: { files: string[] };
  /** Put before the user column, with a blank line between. */
  system_prompt?: string | undefined;
  /** Columns whose text becomes the two messages, or the one where messages stand already. */
  columns: { user: string; assistant: string } | { messages: string };
  /** Columns of the result beside `messages`; undefined keeps all. */
  keep_columns?: string[] | undefined;
  /** Only the first rows, for a quick trial. */
  limit?: number | undefined;
  /** With `by`, rows that hold the same in that column stay together. */
  split: (SplitSettings & { by?: string | undefined }) | 'none';
}

export interface PrepareOptions {
  signal?: AbortSignal | undefined;
  /** First bytes of the source crossed, then rows written. */
  onProgress?: ((done: number, total: number, unit: 'bytes' | 'rows') => void) | undefined;
  /** Count tokens of a sample of the rows for the report. */
  tokens?: TokenLimit | undefined;
  /** Bytes of one Arrow file at most. Default 500 MB. */
  maxShardBytes?: number | undefined;
  /** Threads that write. Default: two, where there are two processors. */
  threads?: number | undefined;
}

/** More of them would take more memory than they save time: then the disk is what takes the time. */
const MOST_THREADS = 2;

export interface PreparedDataset {
  /** Columns of the source, with their types; the output adds `messages` and, with a split, `__index_level_0__`. */
  columns: Column[];
  source: { rows: number; bytes: number };
  train: ArrowOutput;
  test?: ArrowOutput;
  report: DataReport;
}

/**
 * Prepare training data: read rows, add `messages`, split, and write `train` and `test` as `datasets.load_from_disk`
 * reads them. Memory stays bounded: it grows by some sixty bytes a row and with the longest row, not with the data.
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
  await mkdir(outputDir, { recursive: true });
  if ((await readdir(outputDir)).length > 0) throw new Error(`the output folder is not empty: ${outputDir}`);

  const index = new RowIndex();
  const table = new ColumnTable(columnRoles(settings));
  const { total, onBytes } = await bytesProgress(settings.source.files, options);
  const limit = settings.limit ?? Number.POSITIVE_INFINITY;
  const spool = await indexSources(settings.source.files, outputDir, {
    columns: table,
    index,
    limit,
    signal: options.signal,
    onBytes,
  });
  const files = new RowFiles(index.sources, spool?.handle);
  let writing: FrameWriting | undefined;
  try {
    const columns = resolvedColumns(table);
    const order = await rowOrder(settings, columns, index, files);
    writing = new FrameWriting({
      index,
      files,
      columns,
      messages: messageSettings(settings, columns),
      tokens: options.tokens,
      withRowNumbers: settings.split !== 'none',
      maxShardBytes: options.maxShardBytes ?? DEFAULT_SHARD_BYTES,
      threads: options.threads ?? Math.min(MOST_THREADS, availableParallelism()),
      signal: options.signal,
      onRows: (done) => options.onProgress?.(done, index.rows, 'rows'),
    });
    const test = order.test && (await writing.write(join(outputDir, 'test'), order.test));
    const train = await writing.write(join(outputDir, 'train'), order.train);
    return {
      columns,
      source: { rows: index.rows, bytes: total },
      train: train.output,
      ...(test && { test: test.output }),
      report: dataReport(train.collector, test?.collector),
    };
  } finally {
    await writing?.close();
    await files.close();
  }
}

function checkSettings({ source, split, columns, system_prompt: systemPrompt }: DatasetSettings): void {
  if (source.files.length === 0) {
    throw new ConfigurationError('the source lists no files', {
      hint: 'Name at least one file under source.',
    });
  }
  if (split !== 'none') checkSplitSettings(split);
  if (systemPrompt === undefined) return;
  if ('messages' in columns) {
    throw new ConfigurationError('system_prompt is set, and the messages stand in the data already', {
      hint: 'Write the prompt into the messages, or name the columns user and assistant.',
    });
  }
  if (!systemPrompt.isWellFormed()) {
    throw new ConfigurationError('system_prompt holds half of a surrogate pair, which has no UTF-8 form', {
      hint: 'Write both halves of the character, or leave it out.',
    });
  }
}

function columnRoles({ columns, keep_columns: keep, split }: DatasetSettings): ColumnRoles {
  const group = split === 'none' ? undefined : split.by;
  return 'messages' in columns
    ? { text: [], messages: columns.messages, group, keep }
    : { text: [...new Set([columns.user, columns.assistant])], group, keep };
}

function resolvedColumns(table: ColumnTable): Column[] {
  try {
    return table.resolved();
  } catch (error) {
    if (!(error instanceof RowFault)) throw error;
    throw new ConfigurationError(error.message, { hint: error.hint });
  }
}

function messageSettings(
  { columns, system_prompt: systemPrompt }: DatasetSettings,
  read: Column[],
): MessageSettings {
  const place = (name: string) => read.findIndex((column) => column.name === name);
  return 'messages' in columns
    ? { messages: place(columns.messages) }
    : { systemPrompt, user: place(columns.user), assistant: place(columns.assistant) };
}

async function rowOrder(
  { split }: DatasetSettings,
  columns: readonly Column[],
  index: RowIndex,
  files: RowFiles,
): Promise<{ train: Uint32Array; test?: Uint32Array }> {
  if (split === 'none') return { train: Uint32Array.from({ length: index.rows }, (_, row) => row) };
  const by = columns.find(({ name }) => name === split.by);
  return by ? splitGroups(await groupRows(by, index, files), split) : splitRows(index.rows, split);
}

async function bytesProgress(
  files: readonly string[],
  { onProgress }: PrepareOptions,
): Promise<{ total: number; onBytes: (bytes: number) => void }> {
  let total = 0;
  // A file that is missing is told with its place when it is read.
  for (const file of files) total += isThere(file) ? (statFile(file)?.size ?? 0) : 0;
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    if (bytes > 0) onProgress?.(done, total, 'bytes');
  };
  return { total, onBytes };
}
