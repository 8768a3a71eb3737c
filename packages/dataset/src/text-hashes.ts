import xxhash from 'xxhash-wasm';

const { h64Raw } = await xxhash();

/** How often the text of one column occurs. */
export interface RepeatMetrics {
  /** Different texts in train. */
  train_distinct: number;
  /** Different texts in test. */
  test_distinct: number;
  /** Rows of test whose text also occurs in train. */
  test_rows_in_train: number;
}

/**
 * xxHash64 of a text.
 *
 * @param text in UTF-8
 * @param seed the hash of another text, for the hash of both
 */
export function hashText(text: Uint8Array, seed = 0n): bigint {
  return h64Raw(text, seed);
}

/** 64 bits of hash a row, to count repeated texts in bounded memory: two different texts of 10^7 meet once in 370,000 runs. */
export class TextHashes {
  readonly #hashes: BigUint64Array;
  #rows = 0;

  constructor(rows: number) {
    this.#hashes = new BigUint64Array(rows);
  }

  add(hashes: BigUint64Array): void {
    this.#hashes.set(hashes, this.#rows);
    this.#rows += hashes.length;
  }

  /** Hashes in ascending order. No text may be added afterwards. */
  sorted(): BigUint64Array {
    return this.#hashes.subarray(0, this.#rows).sort();
  }
}

export function repeatMetrics(train: TextHashes, test: TextHashes): RepeatMetrics {
  const trainHashes = train.sorted();
  const testHashes = test.sorted();
  let shared = 0;
  for (let i = 0, j = 0; j < testHashes.length; j++) {
    while (i < trainHashes.length && (trainHashes[i] as bigint) < (testHashes[j] as bigint)) i++;
    if (trainHashes[i] === testHashes[j]) shared++;
  }
  return {
    train_distinct: distinct(trainHashes),
    test_distinct: distinct(testHashes),
    test_rows_in_train: shared,
  };
}

function distinct(sorted: BigUint64Array): number {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) count++;
  return count;
}
