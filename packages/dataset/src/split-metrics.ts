import { hash } from 'node:crypto';

/** Lengths in Unicode code points, as Python counts them. */
export interface LengthMetrics {
  total: number;
  mean: number;
  max: number;
}

export interface SplitMetrics {
  characters: { user: LengthMetrics; assistant: LengthMetrics };
  /** Rows by what follows the last `[RESULT]` of the assistant text; `none` without it, `other` for longer text. */
  verdicts: Record<string, number>;
}

/** How often the text of one column occurs. */
export interface RepeatMetrics {
  /** Different texts in train. */
  train_distinct: number;
  /** Different texts in test. */
  test_distinct: number;
  /** Rows of test whose text also occurs in train. */
  test_rows_in_train: number;
}

/** Collects the metrics of one part, row by row. */
export class SplitMetricsCollector {
  readonly #user = { total: 0, max: 0 };
  readonly #assistant = { total: 0, max: 0 };
  readonly #verdicts = new Map<string, number>();
  #rows = 0;

  /** @param prefixCharacters code points of the user message before the text of `user` */
  add(prefixCharacters: number, user: string, assistant: string): void {
    this.#rows++;
    addLength(this.#user, prefixCharacters + codePoints(user));
    addLength(this.#assistant, codePoints(assistant));
    const verdict = verdictOf(assistant);
    this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
  }

  finish(): SplitMetrics {
    const mean = ({ total, max }: { total: number; max: number }) => ({
      total,
      mean: total / this.#rows,
      max,
    });
    return {
      characters: { user: mean(this.#user), assistant: mean(this.#assistant) },
      verdicts: Object.fromEntries([...this.#verdicts].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}

/** 64 bits of hash a row, to count repeated texts in bounded memory: two different texts of 10^7 meet once in 370,000 runs. */
export class TextHashes {
  readonly #hashes: BigUint64Array;
  #rows = 0;

  constructor(rows: number) {
    this.#hashes = new BigUint64Array(rows);
  }

  add(text: string | Uint8Array): void {
    this.#hashes[this.#rows++] = hash('sha1', text, 'buffer').readBigUInt64LE(0);
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

/** Code points of well-formed text. */
export function codePoints(text: string): number {
  let count = text.length;
  // A search by native code; most texts end here.
  if (!HIGH_SURROGATE.test(text)) return count;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}

const HIGH_SURROGATE = /[\ud800-\udbff]/;

function verdictOf(assistant: string): string {
  const mark = assistant.lastIndexOf(VERDICT_MARK);
  if (mark === -1) return 'none';
  const verdict = assistant.slice(mark + VERDICT_MARK.length).trim();
  return /^[\w.+-]{1,8}$/.test(verdict) ? verdict : 'other';
}

/** Judges write it before their verdict. */
const VERDICT_MARK = '[RESULT]';

function addLength(lengths: { total: number; max: number }, length: number): void {
  lengths.total += length;
  lengths.max = Math.max(lengths.max, length);
}

function distinct(sorted: BigUint64Array): number {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) count++;
  return count;
}
