import { hash } from 'node:crypto';
import type { Column } from './column-table.ts';
import { decodeRow } from './row-cells.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { readRows } from './row-reader.ts';

/**
 * The group of each row, numbered in the order in which the values of a column first occur.
 *
 * Values are told apart by 128 bits of a hash, so that memory grows with the number of groups and not with their text.
 */
export async function groupRows(column: Column, index: RowIndex, files: RowFiles): Promise<Uint32Array> {
  const order = Uint32Array.from({ length: index.rows }, (_, row) => row);
  const groups = new Uint32Array(index.rows);
  const numbers = new Map<string, number>();
  for await (const { rows, json } of readRows([order], index, files)) {
    for (const [i, row] of rows.entries()) {
      const [cell] = decodeRow(json(i), row, index, [column]);
      const digest = hash('sha256', String(cell), 'base64').slice(0, 22);
      const number = numbers.get(digest) ?? numbers.size;
      numbers.set(digest, number);
      groups[row] = number;
    }
  }
  return groups;
}
