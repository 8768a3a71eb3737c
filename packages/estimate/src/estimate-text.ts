import type { RecipeEstimate } from './estimate-recipe.ts';
import { type EstimateTable, estimateContent } from './estimate-tables.ts';

/** An estimate for a terminal. */
export function estimateText(estimate: RecipeEstimate): string {
  const { headline, tables, fit, assumptions } = estimateContent(estimate);
  return [
    headline,
    ...tables.flatMap((table) => ['', ...lines(table)]),
    ...(fit.length > 0 ? [''] : []),
    ...fit.flatMap(({ experts, lines: [verdict, ...changes] }) => [
      `${experts.join(', ')}: ${verdict}`,
      ...changes.map((change) => `  ${change}`),
    ]),
    '',
    'Assumed:',
    ...assumptions.map((line) => `  ${line}`),
  ].join('\n');
}

/** Names on the left, values on the right of their columns. */
function lines({ header, rows }: EstimateTable): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row, index) => {
    const cells = row.map((cell, column) =>
      column === 0
        ? (index === 0 ? cell : `  ${cell}`).padEnd((widths[0] ?? 0) + 2)
        : cell.padStart(widths[column] ?? 0),
    );
    return cells.join('  ').trimEnd();
  });
}
