import path from 'node:path';
import type { Plan } from '@prometheus-actions/recipe';

/** The plan, a line a stage. */
export function printPlan(plan: Plan): string {
  const rows = plan.stages.map(({ id, outputDir, needs }) => [
    id,
    path.relative(plan.artifactsDir, outputDir),
    needs.length > 0 ? `from ${needs.join(', ')}` : '',
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return [
    `${plan.recipe}: ${plan.stages.length} stages, outputs in ${plan.artifactsDir}`,
    ...rows.map((row) =>
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
    ),
  ].join('\n');
}
