import type { DataReport, PartReport } from './data-report.ts';
import { formatCount, formatPercent } from './report-numbers.ts';
import { NO_VERDICT, OTHER_VERDICT, SCALE_VERDICTS } from './verdict.ts';

/** One line of the report: what it says, and a cell for each part. */
export interface ReportLine {
  label: string;
  cells: string[];
}

/** What every rendering of a report shows, at most 14 lines and one for each repeat column; labels may hold data. */
export function reportLines(report: DataReport): ReportLine[] {
  const parts = report.test ? [report.train, report.test] : [report.train];
  const line = (label: string, cell: (part: PartReport) => string) => ({ label, cells: parts.map(cell) });
  return [
    line('rows', ({ rows }) => formatCount(rows)),
    line('user text, mean characters', ({ characters }) => formatCount(characters.user.mean)),
    line('assistant text, mean characters', ({ characters }) => formatCount(characters.assistant.mean)),
    line('conversation, mean characters', ({ characters }) => formatCount(characters.conversation.mean)),
    line('conversation, 5th–95th percentile', ({ characters }) => {
      const { p5, p95 } = characters.conversation.percentiles;
      return `${formatCount(p5)}–${formatCount(p95)}`;
    }),
    line('conversation, longest', ({ characters }) => formatCount(characters.conversation.max)),
    ...tokenLines(report, line),
    ...verdictLines(report, line),
    duplicateLine(report),
    ...repeatLines(report),
  ];
}

type PartLine = (label: string, cell: (part: PartReport) => string) => ReportLine;

function tokenLines({ train: { tokens: limit } }: DataReport, line: PartLine): ReportLine[] {
  if (!limit) return [];
  return [
    line('conversation, mean tokens', ({ tokens }) =>
      tokens ? `${tokens.estimated ? '≈ ' : ''}${formatCount(tokens.mean)}` : '',
    ),
    line(`rows over ${formatCount(limit.max_length)} tokens`, ({ tokens, rows }) =>
      tokens ? `${tokens.estimated ? '≈ ' : ''}${withShare(tokens.rows_over_max_length, rows)}` : '',
    ),
  ];
}

const MOST_VERDICTS = 5;

/** The verdicts of the scale, or the most frequent, then what is none. */
function verdictLines({ train }: DataReport, line: PartLine): ReportLine[] {
  const apart = [NO_VERDICT, OTHER_VERDICT];
  const kinds = train.verdict_scale
    ? SCALE_VERDICTS[train.verdict_scale]
    : Object.keys(train.verdicts)
        .filter((kind) => !apart.includes(kind))
        .sort((a, b) => (train.verdicts[b] as number) - (train.verdicts[a] as number))
        .slice(0, MOST_VERDICTS);
  const shown = kinds.map((kind) =>
    line(`verdict ${kind}`, ({ rows, verdicts }) => withShare(verdicts[kind] ?? 0, rows)),
  );
  const none = line('no [RESULT]', ({ rows, verdicts }) => withShare(verdicts[NO_VERDICT] ?? 0, rows));
  const rest = ({ rows, verdicts }: PartReport) =>
    rows - [...kinds, NO_VERDICT].reduce((sum, kind) => sum + (verdicts[kind] ?? 0), 0);
  const other = line('other verdict', (part) => withShare(rest(part), part.rows));
  return [...shown, none, other].filter(
    ({ cells }, i) => i < shown.length || cells.some((cell) => cell !== '0'),
  );
}

function duplicateLine({ test, duplicates }: DataReport): ReportLine {
  const { train_rows, test_rows, test_rows_in_train } = duplicates;
  return {
    label: 'repeated rows',
    cells: [
      formatCount(train_rows),
      ...(test ? [`${formatCount(test_rows)} (${formatCount(test_rows_in_train)} in train)`] : []),
    ],
  };
}

function repeatLines({ test, repeats }: DataReport): ReportLine[] {
  return Object.entries(repeats).map(([column, { train_distinct, test_distinct, test_rows_in_train }]) => ({
    label: `different ${column}`,
    cells: [
      formatCount(train_distinct),
      ...(test ? [`${formatCount(test_distinct)} (${formatCount(test_rows_in_train)} rows in train)`] : []),
    ],
  }));
}

function withShare(count: number, rows: number): string {
  return count === 0 ? '0' : `${formatCount(count)} (${formatPercent(count, rows)})`;
}
