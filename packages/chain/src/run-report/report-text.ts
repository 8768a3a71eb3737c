import { printable } from '@prometheus-actions/stage';
import {
  planAgainstActual,
  type ReportTable,
  reportFigures,
  reportTitle,
  reportWarnings,
  timesTable,
  withoutEmptyColumns,
} from './report-tables.ts';
import type { RunReport } from './run-report.ts';

/** A report in short, for a terminal. */
export function reportText(report: RunReport): string {
  const figures = reportFigures(report).map(({ label, value }) => `${label}: ${value}`);
  const plan = planAgainstActual(report);
  const warnings = reportWarnings(report);
  return [
    reportTitle(report),
    figures.join(', '),
    '',
    ...lines(timesTable(report)),
    ...(plan.rows.length > 0 ? ['', ...lines(plan)] : []),
    ...(report.missing.length > 0 ? ['', ...report.missing] : []),
    ...(warnings ? ['', warnings.title, ...warnings.lines.map((line) => `  ${line}`)] : []),
  ]
    .map((line) => printable(line).trimEnd())
    .join('\n');
}

/** Numbers on the right of their columns. */
function lines(table: ReportTable): string[] {
  const { columns, rows } = withoutEmptyColumns(table);
  const shown = columns.map(({ label, kind }, index) => {
    const cells = [label, ...rows.map((row) => row[index] ?? '')];
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => (kind === 'number' ? cell.padStart(width) : cell.padEnd(width)));
  });
  return [-1, ...rows.keys()].map((row) => shown.map((column) => column[row + 1]).join('  '));
}
