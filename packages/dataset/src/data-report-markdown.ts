import { markdown } from '@prometheus-actions/stage/markdown-text';
import type { DataReport } from './data-report.ts';
import { dataReportFindings } from './data-report-findings.ts';
import { reportLines } from './data-report-table.ts';
import { type Histogram, hasTail } from './length-summary.ts';
import { formatCount } from './report-numbers.ts';

/** The report for the summary of a GitHub job: findings, a table, and a chart of lengths. */
export function dataReportMarkdown(report: DataReport): string {
  const findings = dataReportFindings(report).map(
    ({ severity, message }) => `- **${severity}:** ${markdown(message)}`,
  );
  const parts = report.test ? ['train', 'test'] : ['train'];
  const table = [
    ['', ...parts],
    ['---', ...parts.map(() => '---:')],
    ...reportLines(report).map(({ label, cells }) => [label, ...cells].map(markdown)),
  ].map((cells) => `| ${cells.join(' | ')} |`);
  return [
    ...(findings.length > 0 ? [...findings, ''] : []),
    ...table,
    '',
    ...lengthChart(report.train.characters.conversation.histogram),
    '',
  ].join('\n');
}

function lengthChart(histogram: Histogram): string[] {
  const { edges, counts } = histogram;
  const labels = edges.slice(0, -1).map(formatCount);
  if (hasTail(histogram)) labels.push(`${labels.pop()}+`);
  return [
    '```mermaid',
    'xychart-beta',
    '  title "Train rows by characters of the conversation"',
    `  x-axis "characters, from" [${labels.map((label) => `"${label}"`).join(', ')}]`,
    '  y-axis "rows"',
    `  bar [${counts.map(Number).join(', ')}]`,
    '```',
  ];
}
