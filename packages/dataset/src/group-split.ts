import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { permutation, type Split, type SplitSettings, testRowCount } from './split.ts';

/**
 * Part rows into train and test so that no group is in both, and test has as near to the asked number of rows as whole
 * groups allow: of two sums equally near, the smaller.
 *
 * The seed chooses which groups go to test. Within each part, rows keep the order that `splitRows` gives them, and
 * groups of one row each, numbered as the rows, give exactly its split.
 *
 * @param groups the group of each row; groups are numbered from 0, and each number occurs
 * @throws ConfigurationError where `splitRows` throws, or when all rows are of one group
 */
export function splitGroups(groups: Uint32Array, settings: SplitSettings): Split {
  const asked = testRowCount(groups.length, settings);
  const sizes = groupSizes(groups);
  if (sizes.length === 1) {
    throw new ConfigurationError(
      `split.by puts all ${groups.length} rows into one group, so either train or test would be empty`,
      { hint: 'Name a column in which rows differ, or leave split.by out to split row by row.' },
    );
  }
  const inTest = new Uint8Array(sizes.length);
  for (const group of testGroups(sizes, permutation(sizes.length, settings.seed), asked)) inTest[group] = 1;
  const order = permutation(groups.length, settings.seed);
  return {
    train: order.filter((row) => inTest[groups[row] as number] === 0),
    test: order.filter((row) => inTest[groups[row] as number] === 1),
  };
}

function groupSizes(groups: Uint32Array): Uint32Array {
  let count = 0;
  for (const group of groups) count = Math.max(count, group + 1);
  const sizes = new Uint32Array(count);
  for (const group of groups) (sizes[group] as number)++;
  if (sizes.includes(0)) throw new RangeError(`no row has group ${sizes.indexOf(0)} of ${count}`);
  return sizes;
}

/**
 * Groups whose sizes sum to as near to `asked` as any can. A walk in random order takes each group that still fits.
 * Where that misses the best sum, the groups taken last are given back, ever more of them, until the rest of the best
 * sum can be made of all groups that are not kept: most of the choice stays that of the walk.
 */
function testGroups(sizes: Uint32Array, order: Uint32Array, asked: number): number[] {
  const taken: number[] = [];
  let sum = 0;
  for (const group of order) {
    const size = sizes[group] as number;
    if (sum + size > asked) continue;
    taken.push(group);
    sum += size;
  }
  const best = sum === asked ? asked : nearestSum(sizes, order, asked, sum);
  if (sum === best) return taken;

  for (let returned = 0; ; returned = Math.min(2 * returned || 1, taken.length)) {
    const kept = taken.slice(0, taken.length - returned);
    const missing = best - kept.reduce((rows, group) => rows + (sizes[group] as number), 0);
    const isKept = new Uint8Array(sizes.length);
    for (const group of kept) isKept[group] = 1;
    const candidates = order.filter((group) => isKept[group] === 0);
    const parts = sumsOf(sizes, candidates, missing);
    if (parts[missing]) return [...kept, ...pick(sizes, candidates, parts, missing)];
    if (returned === taken.length) throw new Error(`no groups have ${best} rows in all`);
  }
}

/** @param reached a sum of some groups, at most `asked`; 0 when the smallest group is larger than that */
function nearestSum(sizes: Uint32Array, order: Uint32Array, asked: number, reached: number): number {
  if (reached === 0) return sizes.reduce((smallest, size) => Math.min(smallest, size));
  const total = sizes.reduce((rows, size) => rows + size, 0);
  const sums = sumsOf(sizes, order, Math.min(2 * asked - reached, total - 1));
  for (let distance = 0; distance < asked - reached; distance++) {
    if (sums[asked - distance]) return asked - distance;
    if (sums[asked + distance]) return asked + distance;
  }
  return reached;
}

/**
 * Which sums up to `limit` some of the groups have: for each, the size that was added last to reach it, or 0 where
 * none have it. Subset sum by distinct sizes, each used at most as often as it occurs; takes
 * (distinct sizes ≤ √(2 rows)) × limit steps.
 */
function sumsOf(sizes: Uint32Array, groups: Uint32Array, limit: number): Uint32Array {
  const counts = new Map<number, number>();
  for (const group of groups) {
    const size = sizes[group] as number;
    counts.set(size, (counts.get(size) ?? 0) + 1);
  }
  const last = new Uint32Array(limit + 1);
  const used = new Uint32Array(limit + 1);
  last[0] = 1;
  for (const [size, count] of counts) {
    used.fill(0);
    for (let sum = size; sum <= limit; sum++) {
      const before = sum - size;
      if (last[sum] || !last[before] || (used[before] as number) === count) continue;
      last[sum] = size;
      used[sum] = (used[before] as number) + 1;
    }
  }
  return last;
}

/** Groups, the first of their size, that have `sum` rows. */
function pick(sizes: Uint32Array, groups: Uint32Array, last: Uint32Array, sum: number): number[] {
  const wanted = new Map<number, number>();
  for (let rest = sum; rest > 0; rest -= last[rest] as number) {
    const size = last[rest] as number;
    wanted.set(size, (wanted.get(size) ?? 0) + 1);
  }
  const picked: number[] = [];
  for (const group of groups) {
    const size = sizes[group] as number;
    const left = wanted.get(size) ?? 0;
    if (left === 0) continue;
    wanted.set(size, left - 1);
    picked.push(group);
  }
  return picked;
}
