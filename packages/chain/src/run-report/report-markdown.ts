import { dataReportMarkdown } from '@prometheus-actions/dataset';
import { type Json, markdown, SUMMARY_LIMIT } from '@prometheus-actions/stage';
import { lossCurveMermaid } from '../loss-curve-mermaid.ts';
import { mergeReport } from '../merge-report.ts';
import {
  lossTable,
  machinesTable,
  planAgainstActual,
  provenanceTable,
  type ReportTable,
  reportFigures,
  reportTitle,
  reportWarnings,
  timesTable,
  withoutEmptyColumns,
} from './report-tables.ts';
import type { RunReport } from './run-report.ts';

/** A part of the report that can be left out for another that is short. */
interface Section {
  title: string;
  text: string;
}

/**
 * A report for the summary of a job.
 *
 * @param limit most bytes: where all of it is longer, the longest parts are left out, and named
 */
export function reportMarkdown(report: RunReport, limit = SUMMARY_LIMIT): string {
  const { experts, datasets, merge, planned } = report;
  const warnings = reportWarnings(report);
  const head = [
    `## ${markdown(reportTitle(report))}`,
    '',
    reportFigures(report)
      .map(({ label, value }) => `${value} ${label}`)
      .join(' · '),
    '',
    '',
  ].join('\n');
  const sections: Section[] = [
    { title: 'What is missing', text: report.missing.map((line) => `- ${markdown(line)}\n`).join('') },
    { title: warnings?.title ?? '', text: list(warnings?.lines ?? []) },
    { title: 'Plan against actual', text: table(planAgainstActual(report)) },
    { title: 'Losses', text: table(lossTable(experts)) },
    ...experts.flatMap(({ name, curve }) =>
      curve ? [{ title: `Loss of ${name}`, text: lossCurveMermaid(curve) }] : [],
    ),
    ...Object.entries(datasets).map(([name, data]) => ({
      title: `Data: ${name}`,
      text: dataReportMarkdown(data),
    })),
    { title: 'Merge', text: merge ? withoutTitle(mergeReport(merge as unknown as Json)) : '' },
    { title: 'Times', text: table(timesTable(report)) },
    { title: 'Where each output comes from', text: table(provenanceTable(report)) },
    { title: 'Machines and versions', text: table(machinesTable(report)) },
    {
      title: 'What the estimate assumes',
      text:
        'problem' in planned ? `- no estimate: ${markdown(planned.problem)}\n` : list(planned.assumptions),
    },
  ];
  return within(
    limit,
    head,
    sections.filter(({ text }) => text !== ''),
  );
}

function within(limit: number, head: string, sections: readonly Section[]): string {
  const left: string[] = [];
  let kept = [...sections];
  for (;;) {
    const text = head + kept.map(shown).join('') + note(left);
    if (Buffer.byteLength(text) <= limit) return text;
    const [longest] = kept.toSorted((a, b) => b.text.length - a.text.length);
    if (!longest)
      return `The report is longer than the ${limit} bytes that there is room for.\n`.slice(0, limit);
    left.push(longest.title);
    kept = kept.filter((section) => section !== longest);
  }
}

function shown({ title, text }: Section): string {
  return `### ${markdown(title)}\n\n${text}\n`;
}

function withoutTitle(text: string): string {
  return text.replace(/^#+ .*\n+/, '');
}

/** Names are cut: those of thousands of parts would themselves be too long. */
function note(left: readonly string[]): string {
  if (left.length === 0) return '';
  const names = left.slice(0, MOST_NAMED).map(markdown);
  const more = left.length > MOST_NAMED ? ` and ${left.length - MOST_NAMED} more` : '';
  return `Left out, since there is no room here: ${names.join(', ')}${more}. They are in report.html.\n`;
}

const MOST_NAMED = 5;

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${markdown(line)}\n`).join('');
}

function table(content: ReportTable): string {
  const { columns, rows } = withoutEmptyColumns(content);
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [
    line(columns.map(({ label }) => label)),
    line(columns.map(({ kind }) => (kind === 'number' ? '---:' : '---'))),
    ...rows.map((row) =>
      line(row.map((cell, index) => (columns[index]?.kind === 'code' ? code(cell) : markdown(cell)))),
    ),
  ].join('');
}

function code(text: string): string {
  return /^[\w.-]+$/.test(text) ? `\`${text}\`` : markdown(text);
}
