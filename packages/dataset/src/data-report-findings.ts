import type { DataReport, PartReport } from './data-report.ts';
import { formatCount, formatPercent } from './report-numbers.ts';
import { SHORT_ANSWER_CHARACTERS } from './row-facts.ts';
import { NO_VERDICT, OTHER_VERDICT, SCALE_VERDICTS, type VerdictScale } from './verdict.ts';

/** Something in the data that its user may want to put right. */
export interface DataFinding {
  severity: 'warning' | 'notice';
  /** One sentence: what was found, where, and what to do. */
  message: string;
}

/** Findings in the order in which they matter; none for data as it should be. */
export function dataReportFindings(report: DataReport): DataFinding[] {
  return [
    ...emptyTexts(report),
    ...rowsWithoutVerdict(report),
    ...verdictBalance(report.train),
    ...rowsOverMaxLength(report),
    ...duplicateRows(report),
    ...leakedTexts(report),
    ...shortAnswers(report),
  ];
}

function emptyTexts(report: DataReport): DataFinding[] {
  return (['user', 'assistant'] as const).flatMap((message) => {
    const where = rowsOf(report, (part) => part.empty[message]);
    return where ? warning(`The ${message} text is empty in ${where}: remove these rows.`) : [];
  });
}

function rowsWithoutVerdict(report: DataReport): DataFinding[] {
  const none = rowsOf(report, (part) => part.verdicts[NO_VERDICT] ?? 0);
  const parts = [report.train, ...(report.test ? [report.test] : [])];
  if (parts.every(({ rows, verdicts }) => verdicts[NO_VERDICT] === rows)) {
    return warning(
      `No answer has [RESULT] with a verdict, in ${none}: a judge learns to end its feedback with [RESULT] and the verdict, such as [RESULT] 4 or [RESULT] A. Write the answers so; without it no verdicts are counted here.`,
    );
  }
  const other = rowsOf(report, (part) => part.verdicts[OTHER_VERDICT] ?? 0);
  return [
    ...(none
      ? warning(`No [RESULT] with a verdict is in the answer of ${none}: add it, or remove these rows.`)
      : []),
    ...(other
      ? warning(
          `No verdict, or more than a verdict, follows [RESULT] in ${other}: end the answer with the verdict alone.`,
        )
      : []),
  ];
}

/** Above these shares of one verdict, a judge that always gives it looks good. */
const LARGEST_SHARE: Record<VerdictScale, number> = { '1-5': 0.6, 'A/B': 0.65 };

function verdictBalance(train: PartReport): DataFinding[] {
  if (!mostHaveVerdicts(train)) return [];
  const { verdicts, verdict_scale: scale } = train;
  if (scale === null) {
    const kinds = Object.keys(verdicts).filter((kind) => kind !== NO_VERDICT && kind !== OTHER_VERDICT);
    const shown = kinds.slice(0, 8).join(', ') + (kinds.length > 8 ? ', …' : '');
    return warning(
      `The verdicts of train are neither all 1 to 5 nor all A or B but ${shown}: bring them to one scale.`,
    );
  }
  const rows = SCALE_VERDICTS[scale].map((verdict) => verdicts[verdict] ?? 0);
  const total = rows.reduce((sum, count) => sum + count);
  const missing = SCALE_VERDICTS[scale].filter((_, i) => rows[i] === 0);
  const most = Math.max(...rows);
  return [
    ...(missing.length > 0
      ? warning(
          `No train row has the verdict ${missing.join(' or ')}, so the judge does not learn to give it: add such rows.`,
        )
      : []),
    ...(most > LARGEST_SHARE[scale] * total
      ? warning(
          `${formatPercent(most, total)} of the verdicts in train are ${SCALE_VERDICTS[scale][rows.indexOf(most)]}, so the judge may favour it: balance the rows over the verdicts.`,
        )
      : []),
  ];
}

function rowsOverMaxLength(report: DataReport): DataFinding[] {
  const where = rowsOf(report, (part) => part.tokens?.rows_over_max_length ?? 0);
  if (!where) return [];
  const about = report.train.tokens?.estimated || report.test?.tokens?.estimated ? 'an estimated ' : '';
  const limit = formatCount(report.train.tokens?.max_length ?? 0);
  return warning(
    `The verdict at the end is cut off in ${about}${where}, which are longer than ${limit} tokens: raise max_length, or shorten or remove these rows.`,
  );
}

const MOST_DUPLICATES = 0.01;

function duplicateRows({ train, test, duplicates }: DataReport): DataFinding[] {
  const parts = [
    { name: 'train', rows: train.rows, duplicates: duplicates.train_rows },
    { name: 'test', rows: test?.rows ?? 0, duplicates: duplicates.test_rows },
  ];
  const where = parts
    .filter((part) => part.duplicates > MOST_DUPLICATES * part.rows)
    .map((part) => `${formatCount(part.duplicates)} of ${formatCount(part.rows)} ${part.name} rows`);
  if (where.length === 0) return [];
  return warning(
    `User and assistant text are those of an earlier row in ${where.join(' and ')}: remove the repeated rows.`,
  );
}

/** Of columns that leak alike, that with the fewest texts: a split by it parts the others too. */
function leakedTexts({ test, repeats }: DataReport): DataFinding[] {
  const [worst] = Object.entries(repeats).sort(
    ([, a], [, b]) => b.test_rows_in_train - a.test_rows_in_train || a.train_distinct - b.train_distinct,
  );
  if (!test || !worst || worst[1].test_rows_in_train === 0) return [];
  const [column, { test_rows_in_train: leaked }] = worst;
  return notice(
    `The ${column} of ${formatCount(leaked)} of ${formatCount(test.rows)} test rows is also in train, so the test loss flatters the judge: the original recipe's row-by-row split has this leak too, and "split.by: ${column}" avoids it.`,
  );
}

function shortAnswers(report: DataReport): DataFinding[] {
  const where = rowsOf(report, (part) => part.short_answers);
  if (!where) return [];
  return notice(
    `The answer has fewer than ${SHORT_ANSWER_CHARACTERS} characters in ${where}, too few for feedback before the verdict: check these rows.`,
  );
}

function mostHaveVerdicts({ rows, verdicts }: PartReport): boolean {
  return (verdicts[NO_VERDICT] ?? 0) + (verdicts[OTHER_VERDICT] ?? 0) < rows / 2;
}

/** `12 of 98,952 train rows and 1 of 1,000 test rows`, without parts that have none; empty when none has. */
function rowsOf({ train, test }: DataReport, count: (part: PartReport) => number): string {
  return [
    { name: 'train', part: train },
    { name: 'test', part: test },
  ]
    .flatMap(({ name, part }) => {
      const rows = part ? count(part) : 0;
      return part && rows > 0 ? [`${formatCount(rows)} of ${formatCount(part.rows)} ${name} rows`] : [];
    })
    .join(' and ');
}

function warning(message: string): DataFinding[] {
  return [{ severity: 'warning', message }];
}

function notice(message: string): DataFinding[] {
  return [{ severity: 'notice', message }];
}
