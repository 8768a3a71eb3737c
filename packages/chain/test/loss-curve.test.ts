import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LossCurve, lossAt, readLossCurve, thinned } from '../src/loss-curve.ts';
import { lossCurveMermaid } from '../src/loss-curve-mermaid.ts';
import { lossCurveSvg } from '../src/loss-curve-svg.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'curve-'));

/** A long training with a loss at each step, evaluated three times. */
const LONG: LossCurve = {
  train: Array.from({ length: 3000 }, (_, index) => ({
    step: index + 1,
    loss: 0.5 + 9 * 0.998 ** index + 0.1 * Math.sin(index),
  })),
  evaluation: [
    { step: 1000, loss: 1.8 },
    { step: 2000, loss: 0.9 },
    { step: 3000, loss: 0.6 },
  ],
};
const SHORT: LossCurve = {
  train: [
    { step: 10, loss: 4 },
    { step: 20, loss: 2 },
    { step: 30, loss: 1 },
  ],
  evaluation: [],
};

/** The numbers of each line of a Mermaid chart. */
function linesOf(chart: string): number[][] {
  return [...chart.matchAll(/^ {2}line \[(.*)\]$/gm)].map(
    ([, values]) => values?.split(', ').map(Number) ?? [],
  );
}

describe('a training log', () => {
  it('is read without the losses that are no numbers', async () => {
    const file = path.join(folder, 'log.json');
    const train = [1, null, 3].map((loss, index) => ({ step: index + 1, loss, tokens: 5, grad_norm: 1 }));
    writeFileSync(file, JSON.stringify({ train, evaluation: [{ step: 2, loss: null }] }));
    expect(await readLossCurve(file)).toMatchObject({
      train: [
        { step: 1, loss: 1 },
        { step: 3, loss: 3 },
      ],
      evaluation: [],
    });
  });

  it('has no curve before its second loss', async () => {
    const file = path.join(folder, 'one.json');
    writeFileSync(file, JSON.stringify({ train: [{ step: 1, loss: 1 }], evaluation: [] }));
    expect(await readLossCurve(file)).toBeUndefined();
    expect(await readLossCurve(path.join(folder, 'none.json'))).toBeUndefined();
  });
});

describe('thinning', () => {
  it('takes means over stretches of equal width', () => {
    const points = Array.from({ length: 120 }, (_, index) => ({ step: index, loss: index % 2 }));
    const few = thinned(points, 60);
    expect(few).toHaveLength(60);
    expect(few.slice(1, -1).every(({ loss }) => loss >= 1 / 3 && loss <= 2 / 3)).toBe(true);
    const total = few.reduce((sum, { loss }) => sum + loss, 0);
    expect(total / 60).toBeCloseTo(0.5, 1);
  });

  it('leaves a short curve as it is', () => {
    expect(thinned(SHORT.train, 60)).toEqual(SHORT.train);
  });

  it('keeps a hole where nothing was logged', () => {
    const points = [...Array(100).keys()]
      .filter((step) => step < 20 || step > 80)
      .map((step) => ({ step, loss: 1 }));
    expect(
      thinned(points, 10)
        .map(({ step }) => step)
        .filter((step) => step > 22 && step < 78),
    ).toEqual([]);
  });
});

it('reads a loss off between two points, and flat beyond the ends', () => {
  const at = [5, 10, 12.5, 20, 30, 99].map((step) => lossAt(SHORT.train, step));
  expect(at).toEqual([4, 4, 3.5, 2, 1, 1]);
});

describe('the chart of a job summary', () => {
  it('has at most 60 points a line, both lines at the same steps', () => {
    const chart = lossCurveMermaid(LONG);
    const [train, evaluation] = linesOf(chart);
    expect(train).toHaveLength(60);
    expect(evaluation).toHaveLength(60);
    expect(chart).toContain('x-axis "step" 1 --> 3000');
    // Step 1500, in the middle: half way between two evaluations, and the curve without its ripple.
    expect(evaluation?.[29]).toBeCloseTo((1.8 + 0.9) / 2, 1);
    expect(train?.[29]).toBeCloseTo(0.5 + 9 * 0.998 ** 1475, 1);
    expect(evaluation?.slice(0, 10).every((loss) => loss === 1.8)).toBe(true);
  });

  it('shows a short training as it is, without a second line where nothing was evaluated', () => {
    expect(lossCurveMermaid(SHORT)).toBe(
      [
        '```mermaid',
        'xychart-beta',
        '  title "Loss: training"',
        '  x-axis "step" 10 --> 30',
        '  y-axis "loss" 1 --> 4',
        '  line [4, 2, 1]',
        '```',
        '',
      ].join('\n'),
    );
  });

  it('holds no exponents, which Mermaid cannot read', () => {
    const tiny = SHORT.train.map(({ step }, index) => ({ step, loss: 1e-7 * (index + 1) }));
    expect(lossCurveMermaid({ train: tiny, evaluation: [] })).not.toMatch(/\de-/);
  });
});

describe('the picture', () => {
  it('draws each loss at its place', () => {
    const svg = lossCurveSvg(SHORT, 'sft-train absolute: loss');
    const [, d = ''] = /class="train" d="(M[^"]*)"/.exec(svg) ?? [];
    const points = d
      .slice(1)
      .split('L')
      .map((pair) => pair.split(',').map(Number));
    expect(points).toHaveLength(3);
    const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = [], [x3 = 0, y3 = 0] = []] = points;
    expect(x2 - x1).toBeCloseTo(x3 - x2, 0); // steps 10, 20, 30
    expect((y2 - y1) / (y3 - y2)).toBeCloseTo(2, 1); // losses 4, 2, 1; downwards is less
    expect(y1).toBeLessThan(y2);
  });

  it('needs nothing from elsewhere, and stays small', () => {
    const svg = lossCurveSvg(LONG, 'a < b & "c"');
    expect(svg.length).toBeLessThan(20_000);
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|@import|url\(/);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('a &#60; b &#38; &#34;c&#34;');
    expect(svg.match(/<circle /g)).toHaveLength(3);
    expect(svg).not.toContain('NaN');
  });
});
