import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { MersenneTwister } from './mersenne-twister.ts';

/** How rows are parted into train and test. */
export interface SplitSettings {
  /** A fraction of the rows, above 0 and below 1, or a count of rows from 1. */
  test_size: number;
  /** Seed of the permutation, an integer from 0 to 2^32 - 1. */
  seed: number;
}

/** Original row numbers, in the order in which each part holds them. */
export interface Split {
  train: Uint32Array;
  test: Uint32Array;
}

/**
 * Part `rows` rows exactly as scikit-learn's `train_test_split(frame, test_size=…, random_state=seed)` does, order
 * included: test is the head of the permutation, train the rest of it.
 *
 * @throws ConfigurationError where scikit-learn raises: a size or seed out of range, or a part that would be empty
 */
export function splitRows(rows: number, settings: SplitSettings): Split {
  const testRows = testRowCount(rows, settings);
  const order = permutation(rows, settings.seed);
  return { test: order.subarray(0, testRows), train: order.subarray(testRows) };
}

/**
 * Rows that the settings ask for test, of `rows` in all.
 *
 * @throws ConfigurationError for a size or seed out of range, or when none would be left for train
 */
export function testRowCount(rows: number, settings: SplitSettings): number {
  checkSplitSettings(settings);
  const { test_size: testSize } = settings;
  const testRows = testSize < 1 ? Math.ceil(testSize * rows) : testSize;
  if (testRows >= rows) {
    throw new ConfigurationError(
      `split.test_size ${testSize} takes ${testRows} of ${rows} rows for test and leaves none for train`,
      { hint: 'Lower split.test_size, add rows, or write "split: none" to keep all rows for train.' },
    );
  }
  return testRows;
}

/** @throws ConfigurationError where no number of rows could make the settings valid */
export function checkSplitSettings({ test_size: testSize, seed }: SplitSettings): void {
  if (!(testSize > 0 && (testSize < 1 || Number.isSafeInteger(testSize)))) {
    throw new ConfigurationError(
      `split.test_size is ${testSize}; expected a fraction above 0 and below 1, or a count of rows from 1`,
      { hint: 'The published judges were trained with test_size: 0.01.' },
    );
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new ConfigurationError(`split.seed is ${seed}; expected an integer from 0 to 4294967295`, {
      hint: 'The published judges were trained with seed: 42.',
    });
  }
}

/** `numpy.random.RandomState(seed).permutation(rows)`: a Fisher-Yates shuffle from the last row down. */
export function permutation(rows: number, seed: number): Uint32Array {
  const twister = new MersenneTwister(seed);
  const order = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  for (let i = rows - 1; i > 0; i--) {
    const j = twister.interval(i);
    const held = order[i] as number;
    order[i] = order[j] as number;
    order[j] = held;
  }
  return order;
}
