import type { FileHandle } from 'node:fs/promises';
import { openFile } from '@prometheus-actions/stage/confined-files';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import {
  type DecodedArray,
  type FileMetaData,
  parquetMetadataAsync,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from 'hyparquet';
import { CellKind, RowFault } from '../column-table.ts';
import type { RowSpool } from '../row-spool.ts';
import type { ScanContext } from './json-rows.ts';
import { ColumnPages, NestedPages, PAGE_CODECS } from './parquet-pages.ts';
import {
  damaged,
  floatText,
  noRows,
  noteColumns,
  noteNull,
  notText,
  type TypedColumn,
} from './typed-columns.ts';

/**
 * Write the rows of a Parquet file to the spool as JSON text, a page of each column in memory at a time.
 *
 * Integers of all widths become int64 and floats float64; NaN becomes null, as `Dataset.from_pandas` makes it.
 *
 * @throws ConfigurationError with row group, column or row, when the file is damaged or holds what a frame can't
 */
export async function spoolParquet(path: string, spool: RowSpool, context: ScanContext): Promise<void> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const { metadata, root } = await readMetadata(path, handle, size);
    const nodes = root.children.map((node) => ({ name: node.element.name, node: [root, node] }));
    const columns = noteColumns(path, nodes, cellKind, context);
    context.index.beginSource({ path, spooledAt: spool.position });
    let crossed = 0;
    let row = 0;
    for (const [number, group] of metadata.row_groups.entries()) {
      context.signal?.throwIfAborted();
      if (context.index.rows >= context.limit) return;
      await spoolRowGroup({ path, handle, size, group, number, firstRow: row, columns, spool, context });
      row += Number(group.num_rows);
      const bytes = group.columns.reduce(
        (sum, { meta_data: chunk }) => sum + Number(chunk?.total_compressed_size),
        0,
      );
      context.onBytes(bytes);
      crossed += bytes;
    }
    if (row !== Number(metadata.num_rows))
      throw damaged(path, `the footer says ${metadata.num_rows} rows, the row groups ${row}`);
    if (row === 0) throw noRows(path);
    context.onBytes(size - crossed);
  } finally {
    await handle.close();
  }
}

type FrameColumn = TypedColumn<SchemaTree[]>;

interface RowGroupTask {
  path: string;
  handle: FileHandle;
  /** Bytes of the file. */
  size: number;
  group: RowGroup;
  number: number;
  /** Number of the group's first row within the file. */
  firstRow: number;
  columns: readonly FrameColumn[];
  spool: RowSpool;
  context: ScanContext;
}

async function spoolRowGroup(task: RowGroupTask): Promise<void> {
  const { path, group, columns, spool } = task;
  const rows = Math.min(Number(group.num_rows), task.context.limit - task.context.index.rows);
  const pages = columns.map((column) => pagesOf(task, column));
  const values: DecodedArray[] = columns.map(() => []);
  const next: number[] = columns.map(() => 0);
  for (let done = 0; done < rows; ) {
    task.context.signal?.throwIfAborted();
    let run = rows - done;
    for (let i = 0; i < columns.length; i++) {
      if (next[i] === values[i]?.length) {
        values[i] = await nextPage(task, columns[i] as FrameColumn, pages[i] as Pages, done);
        next[i] = 0;
      }
      run = Math.min(run, (values[i] as DecodedArray).length - (next[i] as number));
    }
    for (let r = 0; r < run; r++) {
      let json = '{';
      for (let i = 0; i < columns.length; i++) {
        const column = columns[i] as FrameColumn;
        const cell = cellText((values[i] as DecodedArray)[next[i] as number], column.kind);
        if (cell === undefined) throw notText(path, column.name, task.firstRow + done + r);
        if (cell === 'null') noteNull(path, column, task.firstRow + done + r, task.context);
        json += `${i === 0 ? '' : ','}${column.key}${cell}`;
        (next[i] as number)++;
      }
      const written = spool.addRow(`${json}}`);
      if (written) await written;
    }
    done += run;
  }
}

interface Pages {
  next(): Promise<DecodedArray | undefined>;
}

function pagesOf(task: RowGroupTask, { name, kind, node: schemaPath }: FrameColumn): Pages {
  if (kind !== CellKind.list) return chunkPages(task, name, schemaPath);
  const node = schemaPath.at(-1) as SchemaTree;
  return new NestedPages(
    node,
    leafPaths(schemaPath).map((leaf) => ({
      name: (leaf.at(-1) as SchemaTree).path.join('.'),
      pages: chunkPages(task, name, leaf),
    })),
  );
}

/** Paths from the root to the leaves below a node. */
function leafPaths(path: SchemaTree[]): SchemaTree[][] {
  const { children } = path.at(-1) as SchemaTree;
  return children.length === 0 ? [path] : children.flatMap((child) => leafPaths([...path, child]));
}

function chunkPages(
  { path, handle, size, group, number }: RowGroupTask,
  name: string,
  schemaPath: SchemaTree[],
): ColumnPages {
  const leaf = (schemaPath.at(-1) as SchemaTree).path.join('.');
  const chunk = group.columns.find(
    ({ meta_data: metadata }) => metadata?.path_in_schema.join('.') === leaf,
  )?.meta_data;
  if (!chunk) throw damaged(path, `row group ${number} has no column "${name}"`);
  if (!(chunk.codec in PAGE_CODECS)) {
    throw new ConfigurationError(
      `column "${name}" of row group ${number} is compressed with ${chunk.codec}`,
      {
        hint: `Write the file with one of ${Object.keys(PAGE_CODECS).join(', ')}.`,
        place: { file: path },
      },
    );
  }
  try {
    return new ColumnPages(handle, chunk, schemaPath, size);
  } catch (error) {
    throw damaged(path, `row group ${number}, column "${name}": ${(error as Error).message}`, error);
  }
}

async function nextPage(
  task: RowGroupTask,
  column: FrameColumn,
  pages: Pages,
  done: number,
): Promise<DecodedArray> {
  const where = `row group ${task.number}, column "${column.name}"`;
  let page: DecodedArray | undefined;
  try {
    page = await pages.next();
  } catch (error) {
    throw damaged(task.path, `${where}: ${(error as Error).message}`, error);
  }
  if (!page) throw damaged(task.path, `${where} ends after ${done} of ${task.group.num_rows} rows`);
  return page;
}

/** JSON text of a cell; undefined for text that is not UTF-8. */
function cellText(value: unknown, kind: number): string | undefined {
  if (value === null || value === undefined || kind === CellKind.null) return 'null';
  if (kind === CellKind.string) return typeof value === 'string' ? JSON.stringify(value) : undefined;
  if (kind === CellKind.list) return JSON.stringify(value, wholeNumbers);
  return kind === CellKind.float ? floatText(value as number) : String(value);
}

/** JSON knows no bigint, which a message may have beside its text. */
function wholeNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

async function readMetadata(
  path: string,
  handle: FileHandle,
  size: number,
): Promise<{ metadata: FileMetaData; root: SchemaTree }> {
  const file = {
    byteLength: size,
    slice: async (start: number, end = size) => {
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead !== bytes.length)
        throw new Error(`read ${bytesRead} of ${bytes.length} bytes at ${start}`);
      return bytes.buffer;
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file, { initialFetchSize: Math.min(size, 1 << 16) });
    requireFields(metadata);
    return { metadata, root: parquetSchema(metadata) };
  } catch (error) {
    throw damaged(path, `no Parquet footer at the end of ${size} bytes (${(error as Error).message})`, error);
  }
}

/** What is read of a footer: the library takes a field for absent that is of another kind. */
function requireFields({ schema, row_groups: groups, num_rows: rows }: FileMetaData): void {
  const isCount = (value: unknown) => Number.isSafeInteger(Number(value)) && Number(value) >= 0;
  const lacking = (what: string) => new Error(`the footer lacks ${what}`);
  if (!isCount(rows)) throw lacking('the number of rows');
  if (schema.some(({ name }, place) => place > 0 && typeof name !== 'string'))
    throw lacking('the name of a column');
  for (const [number, { columns, num_rows }] of groups.entries()) {
    if (!isCount(num_rows)) throw lacking(`the number of rows of row group ${number}`);
    for (const { meta_data: chunk } of columns) {
      const isPath =
        Array.isArray(chunk?.path_in_schema) &&
        chunk.path_in_schema.every((part) => typeof part === 'string');
      if (!isPath || typeof chunk.codec !== 'string' || !isCount(chunk.total_compressed_size))
        throw lacking(`where a column of row group ${number} is`);
    }
  }
}

const TEXT_ANNOTATIONS = new Set(['UTF8', 'STRING', 'ENUM', 'JSON']);
const INTEGER_ANNOTATIONS = new Set(['INT_8', 'INT_16', 'INT_32', 'INT_64', 'UINT_8', 'UINT_16', 'UINT_32']);

function cellKind(path: SchemaTree[]): number {
  const { element, children } = path.at(-1) as SchemaTree;
  const annotation = element.converted_type ?? element.logical_type?.type;
  if (children.length === 0 && element.repetition_type !== 'REPEATED') {
    if (element.logical_type?.type === 'NULL') return CellKind.null;
    if (element.type === 'BYTE_ARRAY' && annotation && TEXT_ANNOTATIONS.has(annotation))
      return CellKind.string;
    if (element.type === 'BOOLEAN') return CellKind.boolean;
    if (element.type === 'INT32' || element.type === 'INT64') {
      if (!annotation || INTEGER_ANNOTATIONS.has(annotation)) return CellKind.integer;
      const logical = element.logical_type;
      if (logical?.type === 'INTEGER' && (logical.isSigned || logical.bitWidth < 64)) {
        return CellKind.integer;
      }
    }
    if ((element.type === 'FLOAT' || element.type === 'DOUBLE') && !annotation) return CellKind.float;
  }
  requireDistinct(element.name, path.at(-1) as SchemaTree);
  if (children.length > 0) return annotation === 'LIST' ? CellKind.list : CellKind.object;
  const type = `${element.type}${annotation ? ` (${annotation})` : ''}`;
  throw new RowFault(
    `column "${element.name}" is ${type}; a column holds text, integers up to 64 bits with a sign, floats or booleans`,
    'Write the column as text, or leave it out with keep_columns.',
  );
}

/** A value keeps one of two fields with the same name: which of them is meant nobody can tell. */
function requireDistinct(column: string, { children }: SchemaTree): void {
  const names = children.map(({ element }) => element.name);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) {
    throw new RowFault(`column "${column}" has two fields "${twice}"`, 'Write the file with one of the two.');
  }
  for (const child of children) requireDistinct(column, child);
}
