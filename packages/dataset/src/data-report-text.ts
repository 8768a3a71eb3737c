import { printable } from '@prometheus-actions/stage/reporter';
import type { DataReport } from './data-report.ts';
import { reportLines } from './data-report-table.ts';
import { type Histogram, hasTail } from './length-summary.ts';
import { formatCount } from './report-numbers.ts';

/** The report for a terminal: aligned lines, then a histogram a part. Findings are for the caller to report. */
export function dataReportText(report: DataReport): string {
  const parts = [report.train, ...(report.test ? [report.test] : [])];
  const lines = [
    { label: '', cells: ['train', 'test'].slice(0, parts.length) },
    ...reportLines(report).map(({ label, cells }) => ({
      label: printable(label).replaceAll('\n', ' '),
      cells,
    })),
  ];
  const labelWidth = Math.max(...lines.map(({ label }) => label.length));
  const widths = parts.map((_, part) => Math.max(...lines.map(({ cells }) => cells[part]?.length ?? 0)));
  return [
    ...lines.map(({ label, cells }) =>
      [label.padEnd(labelWidth), ...cells.map((cell, part) => cell.padStart(widths[part] ?? 0))].join('  '),
    ),
    ...parts.map(({ characters }, part) => {
      const name = part === 0 ? 'lengths in train' : 'lengths in test';
      return `${name.padEnd(labelWidth)}  ${bars(characters.conversation.histogram)}`;
    }),
  ].join('\n');
}

const BLOCKS = '▁▂▃▄▅▆▇█';

/** `500 ▂▇█▃▁ 3,000 characters`, or `500 ▂▇█▃▁ 2,500+ characters` where the last bar stands for all from 2,500 on. */
function bars(histogram: Histogram): string {
  const { edges, counts } = histogram;
  const most = Math.max(...counts);
  const blocks = counts.map((count) =>
    count === 0 ? ' ' : BLOCKS.charAt(Math.ceil((BLOCKS.length * count) / most) - 1),
  );
  const end = hasTail(histogram) ? `${formatCount(edges.at(-2) ?? 0)}+` : formatCount(edges.at(-1) ?? 0);
  return `${formatCount(edges[0] ?? 0)} ${blocks.join('')} ${end} characters`;
}
