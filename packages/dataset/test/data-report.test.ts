import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { type DataReport, dataReport, PartCollector, type PartReport } from '../src/data-report.ts';
import { summarizeLengths } from '../src/length-summary.ts';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { splitRows } from '../src/split.ts';
import type { TokenCounter, TokenLimit } from '../src/token-estimate.ts';
import { factsOf } from './facts-of.ts';
import { PythonReference, sharedFile } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

/** User text, assistant text, instruction. */
type Row = readonly [string, string, string | null];

const PREFIX = 'Be fair 😀\n\n';

/** The pattern of reference.py. */
const counter: TokenCounter = { count: (text) => text.match(/\w{1,4}|\W/gu)?.length ?? 0 };

function collect(rows: readonly Row[], tokens?: TokenLimit): PartCollector {
  const settings = { prefix: PREFIX, userColumn: 'q', repeatColumns: ['orig_instruction'], tokens };
  const collector = new PartCollector(rows.length, settings);
  collector.add(factsOf(rows, tokens?.sampleRows ?? 0));
  return collector;
}

/** Compare a report of ours with that of reference.py; returns it. */
async function compared(parts: { train: Row[]; test?: Row[] }, maxLength: number): Promise<DataReport> {
  const tokens = { counter, maxLength, templateTokens: 8, sampleRows: 1000 };
  const report = dataReport(collect(parts.train, tokens), parts.test && collect(parts.test, tokens));
  const edgesOf = ({ characters }: PartReport) =>
    Object.fromEntries(Object.entries(characters).map(([text, { histogram }]) => [text, histogram.edges]));
  const edges = { train: edgesOf(report.train), ...(report.test && { test: edgesOf(report.test) }) };
  const parameters = { parts, prefix: PREFIX, edges, max_length: maxLength };
  expect(report).toEqual(await reference.run('data_report', parameters));
  return report;
}

/** Rows of all kinds: blank, repeated, of other scripts, with verdicts of all sorts. */
function variedRows(count: number, seed: number, verdicts: readonly string[]): Row[] {
  const draw = new MersenneTwister(seed);
  const one = <T>(values: readonly T[]) => values[draw.interval(values.length - 1)] as T;
  const words = ['plain ', 'é', '😀', '日本語', '\n', 'a|b ', 'word_with_underscores ', '[RESULT] 1 '];
  const text = (most: number) => Array.from({ length: draw.interval(most) }, () => one(words)).join('');
  return Array.from({ length: count }, () => {
    const instruction = `instruction ${draw.interval(count)}`;
    const user = one(['', ' \n', instruction, instruction + text(50), text(20)]);
    return [user, one(['', text(20), text(3)]) + one(verdicts), one([null, instruction, instruction])];
  });
}

describe('dataReport', () => {
  it('counts what a plain reference counts', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const mixed = [
      '',
      '[RESULT]',
      '[RESULT] 5',
      '[RESULT]\n10\n',
      '[RESULT] 5 of 5',
      '[RESULT] B',
      '[result] 5',
    ];
    const numbers = ['[RESULT] 1', '[RESULT] 2', '[RESULT]4', '[RESULT] 5 ', 'no more [RESULT] x y'];
    const letters = ['[RESULT] A', '[RESULT] B'];
    for (const [i, verdicts] of [mixed, numbers, letters].entries()) {
      const train = variedRows(900, i, verdicts);
      const test = [...variedRows(57, 10 + i, verdicts), ...train.slice(0, 30), ...train.slice(0, 3)];
      const report = await compared({ train, test }, 60);
      expect(report.train.verdict_scale).toBe([null, '1-5', 'A/B'][i]);
      expect(report.duplicates.test_rows).toBeGreaterThanOrEqual(3);
      expect(report.test?.tokens?.rows_over_max_length).toBeGreaterThan(0);
    }
    await compared({ train: [['', '', null]], test: [['x', '😀', 'x']] }, 9);
  });

  it('counts what a plain reference counts in real judgements', { timeout: 120_000 }, async (context) => {
    reference.require(context);
    const rows = JSON.parse(readFileSync(sharedFile(context, 'data/feedback-sample.json'), 'utf8')) as Record<
      'instruction' | 'output' | 'orig_instruction',
      string
    >[];
    const split = splitRows(rows.length, { test_size: 0.1, seed: 42 });
    const pick = (order: Uint32Array) =>
      Array.from(order, (i): Row => {
        const row = rows[i] as (typeof rows)[number];
        return [row.instruction, row.output, row.orig_instruction];
      });
    const report = await compared({ train: pick(split.train), test: pick(split.test) }, 2900);
    expect(report.train).toMatchObject({ rows: 864, verdict_scale: '1-5' });
    expect(report.repeats.orig_instruction?.test_rows_in_train).toBeGreaterThan(90);
  });

  it('has percentiles of numpy for parts of any size', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    for (const rows of [1, 2, 3, 19, 20, 21, 39, 40, 99, 100, 101, 200, 333]) {
      await compared({ train: variedRows(rows, rows, ['[RESULT] 1']) }, 60);
    }
  });

  it('is plain JSON', () => {
    const report = dataReport(collect(variedRows(50, 1, ['[RESULT] 1'])));
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report).not.toHaveProperty('test');
    expect(report.train).not.toHaveProperty('tokens');
  });

  it('takes rows for duplicates only where user and assistant text are both the same', () => {
    const rows: Row[] = [
      ['x', 'y', 'same'],
      ['x', 'y', null],
      ['', 'xy', 'same'],
      ['xy', '', 'other'],
    ];
    const { repeats, duplicates } = dataReport(collect(rows));
    expect(repeats.orig_instruction?.train_distinct).toBe(2);
    expect(duplicates.train_rows).toBe(1);
  });

  it('bounds the kinds of verdicts', () => {
    const rows = Array.from({ length: 100 }, (_, i): Row => ['q', `[RESULT] ${i % 50}`, null]);
    const { verdicts } = dataReport(collect([...rows, ['q', 'a', null]])).train;
    expect(Object.keys(verdicts)).toHaveLength(22);
    expect(verdicts).toMatchObject({ 0: 2, 19: 2, other: 60, none: 1 });
  });

  it('refuses to finish without rows, or before all are there', () => {
    expect(() => collect([]).finish()).toThrow('there are no lengths to summarize');
    const collector = new PartCollector(2, { prefix: '', userColumn: 'q', repeatColumns: [] });
    collector.add(factsOf([['x', 'y', null]], 0));
    expect(() => collector.finish()).toThrow('1 rows were added to a report of 2');
  });
});

describe('the estimate of tokens', () => {
  /** Words that are one token each; lengths vary, and so do tokens a byte, of which long rows have fewer. */
  function longRows(count: number): Row[] {
    const draw = new MersenneTwister(99);
    const bell = () => (draw.interval(1000) + draw.interval(1000) + draw.interval(1000)) / 500 - 3;
    return Array.from({ length: count }, () => {
      const size = bell();
      const bytes = Math.round(530 * Math.exp(0.3 * size));
      const words = Math.round(0.22 * bytes * Math.exp(0.1 * (bell() - size)));
      const longer = bytes % words;
      const word = 'x'.repeat(Math.floor(bytes / words) - 1);
      return [`${word}x `.repeat(longer) + `${word} `.repeat(words - longer), 'good', null];
    });
  }
  const whole = (text: string) => text.split(' ').length - 1;

  it('is near to the count of all rows, and takes a thousand counts', () => {
    const rows = longRows(20_000);
    let counts = 0;
    const spaces = {
      count: (text: string) => {
        counts++;
        return whole(text);
      },
    };
    const truth = rows.filter(([user]) => whole(PREFIX + user) + 3 > 150).length;
    const { tokens } = collect(rows, {
      counter: spaces,
      maxLength: 150,
      templateTokens: 3,
      sampleRows: 1000,
    }).finish();
    expect(counts).toBe(2 * 1000);
    expect(tokens).toMatchObject({ counted_rows: 1000, estimated: true, max_length: 150 });
    expect(truth).toBeGreaterThan(1000);
    expect(Math.abs((tokens?.rows_over_max_length ?? 0) / truth - 1)).toBeLessThan(0.05);
    const mean = rows.reduce((sum, [user]) => sum + whole(PREFIX + user) + 3, 0) / rows.length;
    expect(Math.abs((tokens?.mean ?? 0) / mean - 1)).toBeLessThan(0.05);
  });

  it('knows that a row of few bytes is short, whatever the rows near to it have', () => {
    // A token a byte and one for each text: short rows, the only ones counted, have many tokens a byte.
    const counter = { count: (text: string) => Buffer.byteLength(text) + 1 };
    const rows = Array.from(
      { length: 5000 },
      (_, i): Row => ['x'.repeat(i % 100 === 7 ? 84 : 0), '日', null],
    );
    const longest = Buffer.byteLength(PREFIX) + 84 + 3 + 2 + 4;
    const over = (maxLength: number) =>
      collect(rows, { counter, maxLength, templateTokens: 4, sampleRows: 1000 }).finish().tokens;
    expect(over(longest)).toMatchObject({ estimated: true, rows_over_max_length: 0 });
    expect(over(longest - 1)).toMatchObject({ estimated: true, rows_over_max_length: 50 });
  });

  it('is exact up to a thousand rows', () => {
    const limit = { counter: { count: whole }, maxLength: 150, templateTokens: 3, sampleRows: 1000 };
    expect(collect(longRows(1000), limit).finish().tokens).toMatchObject({
      counted_rows: 1000,
      estimated: false,
    });
    expect(collect(longRows(1001), limit).finish().tokens).toMatchObject({
      counted_rows: 1000,
      estimated: true,
    });
  });
});

describe('the histogram of lengths', () => {
  it('has at most 12 bins with round edges, all of one width but for a tail', () => {
    const draw = new MersenneTwister(5);
    for (let trial = 0; trial < 500; trial++) {
      const from = draw.interval(trial % 2 ? 10_000 : 3);
      const range = 10 ** (trial % 7);
      const lengths = Uint32Array.from({ length: 1 + draw.interval(300) }, () => from + draw.interval(range));
      if (trial % 5 === 0) lengths[0] = 50 * range;
      const { histogram, min, max } = summarizeLengths(lengths);
      const { edges, counts } = histogram;
      const widths = edges.slice(1).map((edge, bin) => edge - (edges[bin] as number));
      const width = widths[0] as number;
      expect(counts.length).toBeLessThanOrEqual(12);
      expect(edges).toHaveLength(counts.length + 1);
      expect(String(width)).toMatch(/^[125]0*$/);
      expect(new Set(widths.slice(0, -1)).size).toBeLessThanOrEqual(1);
      expect(edges.every((edge) => edge % width === 0)).toBe(true);
      expect(edges[0]).toBeGreaterThan(min - width);
      expect(edges.at(-1)).toBeGreaterThan(max);
      expect(counts.reduce((sum, count) => sum + count)).toBe(lengths.length);
      if (widths.at(-1) !== width) expect(counts.at(-1)).toBeLessThanOrEqual(0.01 * lengths.length);
    }
  });

  it('does not squeeze all lengths into one bin because one is long', () => {
    const lengths = Uint32Array.from({ length: 1000 }, (_, i) => (i === 500 ? 1_000_000 : 1000 + i));
    const { edges, counts } = summarizeLengths(lengths).histogram;
    expect(edges).toEqual([
      1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000, 2100, 1_000_100,
    ]);
    expect(counts).toEqual([100, 100, 100, 100, 100, 99, 100, 100, 100, 100, 0, 1]);
  });
});
