import type { RecipeEstimate } from './estimate-recipe.ts';
import { type EstimateTable, estimateContent } from './estimate-tables.ts';

/** An estimate for a job summary. */
export function estimateMarkdown(estimate: RecipeEstimate): string {
  const { headline, tables, fit, assumptions } = estimateContent(estimate);
  return [
    `### What ${headline}`.replace(/: /, ' costs: '),
    ...tables.flatMap((table) => ['', ...rows(table)]),
    '',
    ...fit.flatMap(({ experts, fits, lines: [verdict, ...changes] }) => [
      `${fits ? '✅' : '❌'} ${experts.join(', ')}: ${verdict}`,
      ...changes.map((change) => `- ${change}`),
      '',
    ]),
    '<details><summary>Assumed</summary>',
    '',
    ...assumptions.map((line) => `- ${line}`),
    '',
    '</details>',
    '',
  ].join('\n');
}

function rows({ header, rows: body }: EstimateTable): string[] {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? '---' : '---:'))), ...body.map(line)];
}
