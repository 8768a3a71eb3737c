import path from 'node:path';
import type { StageState } from '@prometheus-actions/chain';
import type { Plan } from '@prometheus-actions/recipe';

/** The plan, a line a stage; with `states`, also what is there of its output. */
export function printPlan(plan: Plan, states: readonly StageState[] = []): string {
  const rows = plan.stages.map(({ id, outputDir, needs }) => [
    id,
    path.relative(plan.artifactsDir, outputDir),
    ...states.filter((state) => state.id === id).map(describeState),
    needs.length > 0 ? `from ${needs.join(', ')}` : '',
  ]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return [
    `${plan.recipe}: ${plan.stages.length} stages, outputs in ${plan.artifactsDir}`,
    ...rows.map((row) =>
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
    ),
  ].join('\n');
}

/** The first digits of a fingerprint tell two apart. */
const DIGITS = 12;

function describeState({ state, reason, fingerprint }: StageState): string {
  if (state === 'whole') return `there, ${fingerprint?.slice(0, DIGITS)}`;
  return reason === undefined ? 'to do' : `to do: ${reason}`;
}
