import { FactsGatherer, isEvenlySpread, type RowFacts } from '../src/row-facts.ts';

/** The facts of rows given by user text, assistant text and the instruction, a repeat column. */
export function factsOf(
  rows: readonly (readonly [string, string, string | null])[],
  sampleRows: number,
): RowFacts {
  const gatherer = new FactsGatherer(rows.length, 1, (row) => isEvenlySpread(row, rows.length, sampleRows));
  for (const [user, assistant, instruction] of rows)
    gatherer.add(Buffer.from(user), Buffer.from(assistant), [
      instruction === null ? null : Buffer.from(instruction),
    ]);
  return gatherer.finish();
}
