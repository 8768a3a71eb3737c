import { ConfigurationError } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { splitGroups } from '../src/group-split.ts';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { permutation, type Split, splitRows } from '../src/split.ts';

/** The group of each row, for groups of these sizes, rows of all groups mixed. */
function groupsOf(sizes: readonly number[], seed: number): Uint32Array {
  const inOrder = sizes.flatMap((size, group) => new Array<number>(size).fill(group));
  return permutation(inOrder.length, seed).map((row) => inOrder[row] as number);
}

function valuesOf(groups: Uint32Array, rows: Uint32Array): Set<number> {
  return new Set(Array.from(rows, (row) => groups[row] as number));
}

function expectApart(groups: Uint32Array, { train, test }: Split): void {
  const tested = valuesOf(groups, test);
  expect([...valuesOf(groups, train)].filter((group) => tested.has(group))).toEqual([]);
}

/** Every row is in one part, every group in one, and rows keep the order of `splitRows`. */
function expectSound(groups: Uint32Array, { train, test }: Split, seed: number): void {
  expect(train.length).toBeGreaterThan(0);
  expect(test.length).toBeGreaterThan(0);
  expectApart(groups, { train, test });
  const { train: rest, test: head } = splitRows(groups.length, { test_size: 1, seed });
  const inTest = new Set(test);
  const parts: Record<'train' | 'test', number[]> = { train: [], test: [] };
  for (const row of [...head, ...rest]) parts[inTest.has(row) ? 'test' : 'train'].push(row);
  expect([...train]).toEqual(parts.train);
  expect([...test]).toEqual(parts.test);
}

/** The sum nearest to `asked` over all choices of groups but none and all; of two, the smaller. */
function nearestByTrial(sizes: readonly number[], asked: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let chosen = 1; chosen < 2 ** sizes.length - 1; chosen++) {
    const sum = sizes.reduce((rows, size, group) => rows + ((chosen >> group) & 1) * size, 0);
    const nearer = Math.abs(sum - asked) - Math.abs(best - asked);
    if (nearer < 0 || (nearer === 0 && sum < best)) best = sum;
  }
  return best;
}

describe('splitGroups', () => {
  it('keeps groups whole and comes as near to the asked size as any choice of groups', () => {
    const draw = new MersenneTwister(20240503);
    let missed = 0;
    for (let trial = 0; trial < 600; trial++) {
      const largest = [1, 3, 12, 40][trial % 4] as number;
      const step = trial % 3 === 0 ? 7 : 1;
      const sizes = Array.from({ length: 2 + draw.interval(8) }, () => 1 + step * draw.interval(largest));
      if (trial % 5 === 0) sizes.push(sizes.reduce((sum, size) => sum + size));
      const rows = sizes.reduce((sum, size) => sum + size);
      const byCount = trial % 2 === 0;
      const testSize = byCount ? 1 + draw.interval(rows - 2) : (1 + draw.interval(989)) / 1000;
      const asked = byCount ? testSize : Math.ceil(testSize * rows);
      if (asked >= rows) continue;
      const seed = draw.uint32();
      const groups = groupsOf(sizes, trial);
      const split = splitGroups(groups, { test_size: testSize, seed });
      expectSound(groups, split, seed);
      expect([sizes, asked, split.test.length]).toEqual([sizes, asked, nearestByTrial(sizes, asked)]);
      if (split.test.length !== asked) missed++;
    }
    expect(missed).toBeGreaterThan(50);
  });

  it('of groups of one row each is splitRows', () => {
    for (const settings of [
      { test_size: 0.01, seed: 42 },
      { test_size: 317, seed: 7 },
    ]) {
      expect(
        splitGroups(
          Uint32Array.from({ length: 1000 }, (_, row) => row),
          settings,
        ),
      ).toEqual(splitRows(1000, settings));
    }
  });

  it('is decided by the seed, also where groups have to be given back', () => {
    // Sizes 6 and 10 reach 50 only together in the right numbers: most walks end at 48 or 46.
    const groups = groupsOf([...new Array<number>(20).fill(6), ...new Array<number>(20).fill(10)], 3);
    const chosen = Array.from({ length: 40 }, (_, seed) => {
      const split = splitGroups(groups, { test_size: 50, seed });
      expectSound(groups, split, seed);
      expect(split.test).toHaveLength(50);
      expect(splitGroups(groups, { test_size: 50, seed })).toEqual(split);
      return [...valuesOf(groups, split.test)].sort((a, b) => a - b);
    });
    expect(new Set(chosen.map(String)).size).toBe(40);
    // No group is always in test, and most are at some time.
    const times = new Map<number, number>();
    for (const group of chosen.flat()) times.set(group, (times.get(group) ?? 0) + 1);
    expect(times.size).toBeGreaterThan(36);
    expect(Math.max(...times.values())).toBeLessThan(20);
  });

  it.each([
    ['groups of a published collection', (i: number) => Math.floor(i / 5), 300_000, 0.01, 3000],
    ['100,000 groups', (i: number) => i % 100_000, 300_000, 0.29, 87_000],
    ['a group of half of the rows', (i: number) => (i % 2 ? 0 : 1 + (i % 49_999)), 300_000, 0.2, 60_000],
    [
      'a size for each group',
      (i: number) => Math.floor((Math.sqrt(8 * i + 1) - 1) / 2),
      299_925,
      0.5,
      149_963,
    ],
  ])('takes many rows: %s', (_, group, rows, testSize, expected) => {
    const groups = Uint32Array.from({ length: rows }, (_, i) => group(i));
    const { train, test } = splitGroups(groups, { test_size: testSize, seed: 42 });
    expect([train.length, test.length]).toEqual([rows - expected, expected]);
    expectApart(groups, { train, test });
  });

  it('has one group for test when the smallest is larger than asked', () => {
    const { train, test } = splitGroups(groupsOf([500, 300, 300], 1), { test_size: 0.01, seed: 42 });
    expect([train.length, test.length]).toEqual([800, 300]);
  });

  it('refuses one group, and what splitRows refuses', () => {
    const settings = { test_size: 0.1, seed: 42 };
    expect(() => splitGroups(new Uint32Array(10), settings)).toThrow(ConfigurationError);
    expect(() => splitGroups(new Uint32Array(10), settings)).toThrow(/split\.by puts all 10 rows into one/);
    expect(() => splitGroups(Uint32Array.of(0, 1), { test_size: 2, seed: 42 })).toThrow(
      /leaves none for train/,
    );
    expect(() => splitGroups(Uint32Array.of(0, 1), { test_size: 1, seed: -1 })).toThrow(/split\.seed is -1/);
    expect(() => splitGroups(Uint32Array.of(0, 2), settings)).toThrow('no row has group 1 of 3');
  });
});
