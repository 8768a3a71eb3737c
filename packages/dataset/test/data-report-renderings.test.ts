import { describe, expect, it } from 'vitest';
import { type DataReport, dataReport, PartCollector } from '../src/data-report.ts';
import { dataReportFindings } from '../src/data-report-findings.ts';
import { dataReportMarkdown } from '../src/data-report-markdown.ts';
import { dataReportText } from '../src/data-report-text.ts';
import { factsOf } from './facts-of.ts';

interface Made {
  user?: string;
  assistant?: string;
  instruction?: string;
}

const FEEDBACK = 'The response answers the question in full and with care. [RESULT] ';

/** Rows with nothing to find: texts of their own, and the verdicts 1 to 5 in turn. */
function goodRows(count: number, name = 'train'): Made[] {
  return Array.from({ length: count }, (_, i) => ({
    user: `${name} prompt ${i}`,
    assistant: `${FEEDBACK}${1 + (i % 5)}`,
    instruction: `${name} instruction ${i % 10}`,
  }));
}

function withRows(rows: Made[], count: number, change: (row: Made, i: number) => Made): Made[] {
  return rows.map((row, i) => (i < count ? { ...row, ...change(row, i) } : row));
}

function report(
  train: Made[],
  test?: Made[],
  { maxLength = 1000, column = 'orig_instruction' } = {},
): DataReport {
  // A token a word.
  const tokens = {
    counter: { count: (text: string) => text.split(' ').length },
    maxLength,
    templateTokens: 2,
    sampleRows: 1000,
  };
  const collect = (rows: Made[]) => {
    const settings = { prefix: '', userColumn: 'prompt', repeatColumns: [column], tokens };
    const collector = new PartCollector(rows.length, settings);
    const texts = rows.map(({ user = '', assistant = '', instruction = '' }): [string, string, string] => [
      user,
      assistant,
      instruction,
    ]);
    collector.add(factsOf(texts, tokens.sampleRows));
    return collector;
  };
  return dataReport(collect(train), test && collect(test));
}

function messages(found: DataReport): string[] {
  return dataReportFindings(found).map(({ severity, message }) => `${severity}: ${message}`);
}

describe('dataReportFindings', () => {
  it('has none for data as it should be', () => {
    expect(messages(report(goodRows(100), goodRows(20, 'test')))).toEqual([]);
  });

  it('names empty texts', () => {
    const train = withRows(goodRows(1200), 3, () => ({ user: ' \n' }));
    const test = withRows(goodRows(20, 'test'), 1, () => ({ user: '' }));
    expect(messages(report(train, test))).toEqual([
      'warning: The user text is empty in 3 of 1,200 train rows and 1 of 20 test rows: remove these rows.',
    ]);
    expect(messages(report(withRows(goodRows(1200), 2, () => ({ assistant: '' })))).slice(0, 1)).toEqual([
      'warning: The assistant text is empty in 2 of 1,200 train rows: remove these rows.',
    ]);
  });

  it('names rows without a verdict, however many they are', () => {
    const bare = (count: number) => withRows(goodRows(100), count, () => ({ assistant: 'x'.repeat(60) }));
    expect(messages(report(bare(20)))).toEqual([
      'warning: No [RESULT] with a verdict is in the answer of 20 of 100 train rows: add it, or remove these rows.',
    ]);
    const none = (where: string) =>
      `warning: No answer has [RESULT] with a verdict, in ${where}: a judge learns to end its feedback with [RESULT] and the verdict, such as [RESULT] 4 or [RESULT] A. Write the answers so; without it no verdicts are counted here.`;
    expect(messages(report(bare(60)))).toEqual([
      'warning: No [RESULT] with a verdict is in the answer of 60 of 100 train rows: add it, or remove these rows.',
    ]);
    expect(messages(report(bare(100)))).toEqual([none('100 of 100 train rows')]);
    const bareTest = withRows(goodRows(20, 'test'), 20, () => ({ assistant: 'y'.repeat(60) }));
    expect(messages(report(bare(100), bareTest))).toEqual([
      none('100 of 100 train rows and 20 of 20 test rows'),
    ]);
    expect(messages(report(bare(100), goodRows(20, 'test')))).toEqual([
      'warning: No [RESULT] with a verdict is in the answer of 100 of 100 train rows: add it, or remove these rows.',
    ]);
    const vague = withRows(goodRows(100), 10, () => ({ assistant: `${FEEDBACK}5, or rather 4` }));
    expect(messages(report(vague))).toEqual([
      'warning: No verdict, or more than a verdict, follows [RESULT] in 10 of 100 train rows: end the answer with the verdict alone.',
    ]);
    const allVague = withRows(goodRows(100), 100, () => ({ assistant: `${FEEDBACK}5, or rather 4` }));
    expect(messages(report(allVague))).toEqual([
      'warning: No verdict, or more than a verdict, follows [RESULT] in 100 of 100 train rows: end the answer with the verdict alone.',
    ]);
  });

  it('names a verdict that most rows have, and one that none has', () => {
    const scored = (count: number, of: number, rest: string) =>
      withRows(goodRows(of), of, (_, i) => ({ assistant: `${FEEDBACK}${i < count ? 'A' : rest}` }));
    expect(messages(report(scored(65, 100, 'B')))).toEqual([]);
    expect(messages(report(scored(66, 100, 'B')))).toEqual([
      'warning: 66 % of the verdicts in train are A, so the judge may favour it: balance the rows over the verdicts.',
    ]);
    expect(messages(report(scored(100, 100, 'B')))).toEqual([
      'warning: No train row has the verdict B, so the judge does not learn to give it: add such rows.',
      'warning: 100 % of the verdicts in train are A, so the judge may favour it: balance the rows over the verdicts.',
    ]);
    const fives = (count: number) => withRows(goodRows(100), count, () => ({ assistant: `${FEEDBACK}5` }));
    // Ten of the other rows have a 5 too.
    expect(messages(report(fives(50)))).toEqual([]);
    expect(messages(report(fives(52)))).toEqual([
      'warning: 62 % of the verdicts in train are 5, so the judge may favour it: balance the rows over the verdicts.',
    ]);
    const noThree = goodRows(100).filter(({ assistant }) => !assistant?.endsWith('3'));
    expect(messages(report(noThree))).toEqual([
      'warning: No train row has the verdict 3, so the judge does not learn to give it: add such rows.',
    ]);
  });

  it('names verdicts that are of no scale', () => {
    const tens = withRows(goodRows(100), 3, () => ({ assistant: `${FEEDBACK}10` }));
    expect(messages(report(tens))).toEqual([
      'warning: The verdicts of train are neither all 1 to 5 nor all A or B but 1, 2, 3, 4, 5, 10: bring them to one scale.',
    ]);
  });

  it('names rows that training cuts off, as an estimate where it is one', () => {
    const long = (rows: number, count: number) =>
      withRows(goodRows(rows), count, (_, i) => ({ user: `${i} ${'word '.repeat(99)}` }));
    expect(messages(report(long(100, 7), goodRows(10, 'test'), { maxLength: 100 }))).toEqual([
      'warning: The verdict at the end is cut off in 7 of 100 train rows, which are longer than 100 tokens: raise max_length, or shorten or remove these rows.',
    ]);
    expect(messages(report(long(5000, 2500), undefined, { maxLength: 100 }))).toEqual([
      'warning: The verdict at the end is cut off in an estimated 2,500 of 5,000 train rows, which are longer than 100 tokens: raise max_length, or shorten or remove these rows.',
    ]);
  });

  it('names repeated rows above one in a hundred', () => {
    const repeated = (count: number) => [...goodRows(200), ...goodRows(count)];
    expect(messages(report(repeated(2)))).toEqual([]);
    expect(messages(report(repeated(3)))).toEqual([
      'warning: User and assistant text are those of an earlier row in 3 of 203 train rows: remove the repeated rows.',
    ]);
  });

  it('names the column by which the split leaks most, and the way out', () => {
    const test = withRows(goodRows(20, 'test'), 15, () => ({ instruction: 'train instruction 3' }));
    const leak = (column: string, rows: number) =>
      `notice: The ${column} of ${rows} of 20 test rows is also in train, so the test loss flatters the judge: the original recipe's row-by-row split has this leak too, and "split.by: ${column}" avoids it.`;
    expect(messages(report(goodRows(100), test))).toEqual([leak('orig_instruction', 15)]);
    // Prompts and instructions leak alike: only a split by the instruction, of which there are fewer, avoids both.
    expect(messages(report(goodRows(100), goodRows(20)))).toEqual([leak('orig_instruction', 20)]);
    const prompts = withRows(goodRows(20, 'test'), 4, (_, i) => ({ user: `train prompt ${i}` }));
    expect(messages(report(goodRows(100), prompts))).toEqual([leak('prompt', 4)]);
  });

  it('names short answers', () => {
    const short = withRows(goodRows(100), 5, (_, i) => ({ assistant: `[RESULT] ${1 + i}` }));
    expect(messages(report(short))).toEqual([
      'notice: The answer has fewer than 40 characters in 5 of 100 train rows, too few for feedback before the verdict: check these rows.',
    ]);
  });
});

describe('dataReportText', () => {
  it('is aligned lines with a histogram', () => {
    const train = withRows(goodRows(1100), 1100, (_, i) => ({
      user: `${i} ${'word '.repeat(((i * i) % 40) + ((i * 7) % 40) + (i === 9 ? 400 : 0))}`,
    }));
    const test = withRows(goodRows(25, 'test'), 2, () => ({ assistant: 'No verdict.' }));
    expect(dataReportText(report(train, test, { maxLength: 50 }))).toBe(TEXT);
  });

  it('has at most 25 lines, without control characters, whatever the data', () => {
    const verdicts = withRows(goodRows(100), 100, (_, i) => ({
      assistant: `[RESULT] v${i % 30}${i % 7 ? '' : ' x'}`,
    }));
    const text = dataReportText(
      report(
        verdicts,
        withRows(verdicts, 9, () => ({ assistant: 'x' })),
        { column: 'a\u001b[31m\nb\tc' },
      ),
    );
    expect(text.split('\n').length).toBeLessThanOrEqual(25);
    expect(text).toContain('different a b c');
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('dataReportMarkdown', () => {
  it('has findings, a table and a chart', () => {
    const test = withRows(goodRows(25, 'test'), 2, () => ({ assistant: 'No verdict.' }));
    expect(dataReportMarkdown(report(goodRows(100), test))).toBe(MARKDOWN);
  });

  it('leaves the columns of test out without one', () => {
    const markdown = dataReportMarkdown(report(goodRows(100)));
    expect(markdown).toMatch(/^\| {2}\| train \|\n\| --- \| ---: \|\n\| rows \| 100 \|\n/);
    expect(markdown).not.toContain('test');
  });

  it('marks the open end of a chart', () => {
    const long = withRows(goodRows(1000), 1, () => ({ user: 'word '.repeat(1000) }));
    expect(dataReportMarkdown(report(long))).toMatch(/x-axis "characters, from" \["\d+", .*"\d+\+"\]\n/);
  });

  it('shows names of columns as text', () => {
    const column = 'a|b\n<img src=x onerror=y>`*_[l](u)~\\ @me $x$ &lt;';
    const markdown = dataReportMarkdown(report(goodRows(100), goodRows(20), { column }));
    const shown =
      'a&#124;b&#92;n&#60;img src=x onerror=y&#62;&#96;&#42;&#95;&#91;l&#93;(u)&#126;&#92; &#64;&#8203;me &#36;x&#36; &#38;lt;';
    expect(markdown).toContain(`| different ${shown} | 10 | 10 (20 rows in train) |\n`);
    expect(markdown).toContain(`"split.by: ${shown}" avoids it.\n`);
  });
});

const TEXT = [
  '                                            train                  test',
  'rows                                        1,100                    25',
  'user text, mean characters                    171                    14',
  'assistant text, mean characters                67                    63',
  'conversation, mean characters                 238                    76',
  'conversation, 5th–95th percentile          92–371                 24–81',
  'conversation, longest                       2,189                    81',
  'conversation, mean tokens                    ≈ 49                    16',
  'rows over 50 tokens                ≈ 497 (45.2 %)                     0',
  'verdict 1                              220 (20 %)              4 (16 %)',
  'verdict 2                              220 (20 %)              4 (16 %)',
  'verdict 3                              220 (20 %)              5 (20 %)',
  'verdict 4                              220 (20 %)              5 (20 %)',
  'verdict 5                              220 (20 %)              5 (20 %)',
  'no [RESULT]                                     0               2 (8 %)',
  'repeated rows                                   0        0 (0 in train)',
  'different prompt                            1,100  25 (0 rows in train)',
  'different orig_instruction                     10  10 (0 rows in train)',
  'lengths in train                   50 ▂▄▇██▆▃▁   ▁ 600+ characters',
  'lengths in test                    20 ▁     █ 90 characters',
].join('\n');

const MARKDOWN = [
  '- **warning:** No &#91;RESULT&#93; with a verdict is in the answer of 2 of 25 test rows: add it, or remove these rows.',
  '- **notice:** The answer has fewer than 40 characters in 2 of 25 test rows, too few for feedback before the verdict: check these rows.',
  '',
  '|  | train | test |',
  '| --- | ---: | ---: |',
  '| rows | 100 | 25 |',
  '| user text, mean characters | 15 | 14 |',
  '| assistant text, mean characters | 67 | 63 |',
  '| conversation, mean characters | 82 | 76 |',
  '| conversation, 5th–95th percentile | 81–82 | 24–81 |',
  '| conversation, longest | 82 | 81 |',
  '| conversation, mean tokens | 17 | 16 |',
  '| rows over 1,000 tokens | 0 | 0 |',
  '| verdict 1 | 20 (20 %) | 4 (16 %) |',
  '| verdict 2 | 20 (20 %) | 4 (16 %) |',
  '| verdict 3 | 20 (20 %) | 5 (20 %) |',
  '| verdict 4 | 20 (20 %) | 5 (20 %) |',
  '| verdict 5 | 20 (20 %) | 5 (20 %) |',
  '| no &#91;RESULT&#93; | 0 | 2 (8 %) |',
  '| repeated rows | 0 | 0 (0 in train) |',
  '| different prompt | 100 | 25 (0 rows in train) |',
  '| different orig&#95;instruction | 10 | 10 (0 rows in train) |',
  '',
  '```mermaid',
  'xychart-beta',
  '  title "Train rows by characters of the conversation"',
  '  x-axis "characters, from" ["81", "82"]',
  '  y-axis "rows"',
  '  bar [10, 90]',
  '```',
  '',
].join('\n');
