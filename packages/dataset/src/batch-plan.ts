import type { RowIndex } from './row-index.ts';

/** `datasets` writes batches of 1,000 rows too. */
const BATCH_ROWS = 1000;
/** JSON text of the rows of a batch. */
export const BATCH_BYTES = 2 << 20;

/**
 * Where the batches of a part end: the `i`-th holds `order[ends[i - 1]]` up to, but without, `order[ends[i]]`. It goes by
 * the index alone, so that whoever makes a batch need not know the ones before it.
 */
export function batchEnds(order: Uint32Array, index: RowIndex): Uint32Array {
  const ends: number[] = [];
  let start = 0;
  let bytes = 0;
  for (const [place, row] of order.entries()) {
    const length = index.length(row);
    if (place - start === BATCH_ROWS || (place > start && bytes + length > BATCH_BYTES)) {
      ends.push(place);
      start = place;
      bytes = 0;
    }
    bytes += length;
  }
  if (order.length > 0) ends.push(order.length);
  return Uint32Array.from(ends);
}
