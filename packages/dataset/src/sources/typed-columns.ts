import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { CellKind, RowFault } from '../column-table.ts';
import type { ScanContext } from './json-rows.ts';

/** A column of a format that has a schema; `node` is its place in that. */
export interface TypedColumn<Node> {
  name: string;
  /** `"name":`, as it stands in a row's JSON text. */
  key: string;
  kind: number;
  node: Node;
}

/**
 * The columns of a schema that are read, noted in the column table as one row of their kinds.
 *
 * @param kindOf kind of a column's cells; throws RowFault for a type that can't be read
 * @throws ConfigurationError for a column that does not fit, or one that is missing
 */
export function noteColumns<Node>(
  path: string,
  columns: Iterable<{ name: string; node: Node }>,
  kindOf: (node: Node) => number,
  { columns: table }: ScanContext,
): TypedColumn<Node>[] {
  table.beginFile(path);
  table.beginRow(0);
  try {
    const noted: TypedColumn<Node>[] = [];
    for (const { name, node } of columns) {
      const read = table.isRead(name);
      const kind = read ? kindOf(node) : CellKind.null;
      table.cell(table.column(name), kind);
      if (read) noted.push({ name, key: `${JSON.stringify(name)}:`, kind, node });
    }
    table.endRow();
    return noted;
  } catch (error) {
    throw located(path, error, 'schema: ');
  }
}

/** Note that a cell is null, where a type alone does not tell. @throws ConfigurationError where it may not be */
export function noteNull(
  path: string,
  { name }: TypedColumn<unknown>,
  row: number,
  { columns: table }: ScanContext,
): void {
  table.beginRow(row);
  try {
    table.cell(table.column(name), CellKind.null);
  } catch (error) {
    throw located(path, error, `row ${row} (from 0): `);
  }
}

/** JSON text of a number. JSON has no infinity, but a number too large is read as one; NaN becomes null. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'null';
  if (!Number.isFinite(value)) return value < 0 ? '-1e999' : '1e999';
  return Object.is(value, -0) ? '-0' : String(value);
}

export function notText(path: string, name: string, row: number): ConfigurationError {
  return new ConfigurationError(`row ${row} (from 0): column "${name}" is not valid UTF-8`, {
    hint: 'Write the file again with text as UTF-8.',
    place: { file: path },
  });
}

export function damaged(path: string, problem: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(problem, {
    hint: 'The file is cut off or damaged: fetch or export it again.',
    place: { file: path },
    cause,
  });
}

export function noRows(path: string): ConfigurationError {
  return new ConfigurationError('the file has no rows', {
    hint: 'Give a file with at least one row.',
    place: { file: path },
  });
}

function located(path: string, error: unknown, where: string): unknown {
  if (!(error instanceof RowFault)) return error;
  return new ConfigurationError(`${where}${error.message}`, { hint: error.hint, place: { file: path } });
}
