import { codePoints } from './code-points.ts';
import { VerdictCounts } from './verdict.ts';

export { codePoints } from './code-points.ts';
export { type RepeatMetrics, repeatMetrics, TextHashes } from './text-hashes.ts';

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

/** Collects the metrics of one part, row by row. */
export class SplitMetricsCollector {
  readonly #user = { total: 0, max: 0 };
  readonly #assistant = { total: 0, max: 0 };
  readonly #verdicts = new VerdictCounts();
  #rows = 0;

  /** @param prefixCharacters code points of the user message before the text of `user` */
  add(prefixCharacters: number, user: string, assistant: string): void {
    this.#rows++;
    addLength(this.#user, prefixCharacters + codePoints(user));
    addLength(this.#assistant, codePoints(assistant));
    this.#verdicts.add(assistant);
  }

  finish(): SplitMetrics {
    const mean = ({ total, max }: { total: number; max: number }) => ({
      total,
      mean: total / this.#rows,
      max,
    });
    return {
      characters: { user: mean(this.#user), assistant: mean(this.#assistant) },
      verdicts: this.#verdicts.finish(),
    };
  }
}

function addLength(lengths: { total: number; max: number }, length: number): void {
  lengths.total += length;
  lengths.max = Math.max(lengths.max, length);
}
