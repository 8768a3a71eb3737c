import { createHash } from 'node:crypto';
import { ConfigurationError } from '@prometheus-actions/stage';
import { afterAll, describe, expect, it } from 'vitest';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { permutation, splitRows } from '../src/split.ts';
import { PythonReference } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

function digest(order: Uint32Array): string {
  const bytes = Buffer.alloc(order.length * 4);
  for (const [i, row] of order.entries()) bytes.writeUInt32LE(row, i * 4);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

describe('MersenneTwister', () => {
  it('gives the first words that the reference code gives for seed 5489', () => {
    const twister = new MersenneTwister(5489);
    const words = Array.from({ length: 5 }, () => twister.uint32());
    expect(words).toEqual([3499211612, 581869302, 3890346734, 3586334585, 545404204]);
  });

  it('gives the 10,000th word that the C++ standard states for seed 5489', () => {
    const twister = new MersenneTwister(5489);
    for (let i = 1; i < 10_000; i++) twister.uint32();
    expect(twister.uint32()).toBe(4123659995);
  });

  it('draws from intervals up to all 32 bits', () => {
    const twister = new MersenneTwister(1);
    expect(twister.interval(0)).toBe(0);
    for (const max of [1, 2, 7, 8, 0x7fffffff, 0xffffffff]) {
      for (let i = 0; i < 100; i++) {
        const drawn = twister.interval(max);
        expect(drawn).toBeGreaterThanOrEqual(0);
        expect(drawn).toBeLessThanOrEqual(max);
      }
    }
  });

  it.each([-1, 1.5, 2 ** 32, Number.NaN])('refuses the seed %s', (seed) => {
    expect(() => new MersenneTwister(seed)).toThrow(/seed must be an integer from 0 to 4294967295/);
  });
});

describe('permutation', () => {
  it('is that of RandomState(42)', () => {
    expect([...permutation(10, 42)]).toEqual([8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
  });

  // Digests made with NumPy; the two long ones are the lengths of the published collections.
  it.each([
    [1000, 'd32ced5c0422023c'],
    [99952, '39266e2482593494'],
    [199760, '4620ad8827e089f6'],
  ])('of %i rows has the digest of NumPy', (rows, expected) => {
    expect(digest(permutation(rows, 42))).toBe(expected);
  });
});

describe('splitRows', () => {
  it.each([
    [99952, 0.01, 98952, 1000],
    [199760, 0.01, 197762, 1998],
    [960, 0.01, 950, 10],
    [10, 3, 7, 3],
  ])('of %i rows with test_size %d has %i and %i', (rows, testSize, train, test) => {
    const split = splitRows(rows, { test_size: testSize, seed: 42 });
    expect([split.train.length, split.test.length]).toEqual([train, test]);
    const all = new Set([...split.train, ...split.test]);
    expect(all.size).toBe(rows);
  });

  it.each([
    [1, 0.5],
    [10, 10],
    [10, 11],
    [10, 0.999],
  ])('of %i rows refuses test_size %d, which leaves nothing to train on', (rows, testSize) => {
    expect(() => splitRows(rows, { test_size: testSize, seed: 42 })).toThrow(/leaves none for train/);
  });

  it.each([0, -1, -0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses test_size %d', (testSize) => {
    expect(() => splitRows(10, { test_size: testSize, seed: 42 })).toThrow(
      /expected a fraction above 0 and below 1/,
    );
  });

  it.each([-1, 0.5, 2 ** 32])('refuses seed %d', (seed) => {
    expect(() => splitRows(10, { test_size: 0.5, seed })).toThrow(/split\.seed is .*expected an integer/);
  });

  it('is train_test_split of scikit-learn for any rows, size and seed, and refuses what it refuses', {
    timeout: 120_000,
  }, async (context) => {
    reference.require(context);
    const cases = splitCases();
    const digestOfPart = (part: Uint32Array) => createHash('sha256').update(part).digest('hex');
    const ours = cases.map(([rows, testSize, seed]) => {
      try {
        const { train, test } = splitRows(rows, { test_size: testSize, seed });
        return [train, test].map(digestOfPart);
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        return null;
      }
    });
    const theirs = (await reference.run('splits', { cases })) as typeof ours;
    const different = cases.filter((_, i) => String(ours[i]) !== String(theirs[i]));
    expect(different).toEqual([]);
    expect(ours.filter((parts) => parts !== null).length).toBeGreaterThan(500);
    expect(ours.filter((parts) => parts === null).length).toBeGreaterThan(50);
  });
});

/** Rows, test_size and seed: drawn at random, then the edges. */
function splitCases(): [number, number, number][] {
  const draw = new MersenneTwister(20240502);
  const cases = Array.from({ length: 450 }, (_, i): [number, number, number] => {
    const rows = 1 + draw.interval(i % 10 === 0 ? 20_000 : 300);
    const fraction = draw.interval(1_000_000) / 1_000_000;
    return [rows, i % 2 ? fraction : draw.interval(rows), draw.uint32()];
  });
  for (const rows of [0, 1, 2, 3, 4, 7, 10, 49, 50, 100, 300, 700, 1000, 2900]) {
    // Fractions whose product with the rows doubles round up or down across a whole number, among others.
    for (const size of [1e-9, 1e-3, 0.01, 0.07, 0.1, 0.29, 1 / 3, 0.5, 0.57, 2 / 3, 0.99, 1 - 1e-9])
      cases.push([rows, size, 42]);
    for (const count of [0, 1, 2, rows - 1, rows, rows + 1]) cases.push([rows, count, 0xffffffff]);
  }
  for (const size of [-0.5, -1, 1.5, 2.5]) cases.push([10, size, 42]);
  for (const seed of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, -1, 2 ** 32, 0.5])
    cases.push([10, 0.3, seed]);
  cases.push([199_760, 0.01, 42], [200_000, 1 / 3, 0], [131_073, 65_536, 7]);
  return cases;
}
