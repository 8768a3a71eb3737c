/** Values that a judge's verdict may have. */
export type VerdictScale = '1-5' | 'A/B';

export const SCALE_VERDICTS: Record<VerdictScale, readonly string[]> = {
  '1-5': ['1', '2', '3', '4', '5'],
  'A/B': ['A', 'B'],
};

/** Of a text without `[RESULT]`. */
export const NO_VERDICT = 'none';

/** Of a text that has more than one short word after `[RESULT]`, or nothing there. */
export const OTHER_VERDICT = 'other';

/** Counts rows by verdict. Data with verdicts of all kinds can't make it grow: later new kinds count as `other`. */
export class VerdictCounts {
  readonly #counts = new Map<string, number>();

  /** @param found as {@link verdictOf} tells it */
  add(found: string): void {
    const isCounted = found === NO_VERDICT || this.#counts.has(found) || this.#counts.size < MOST_KINDS;
    const verdict = isCounted ? found : OTHER_VERDICT;
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
  }

  /** In the order of the verdicts' characters. */
  finish(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The scale that all verdicts are of, whatever rows have none; `null` when there is no such scale or no verdict. */
export function verdictScale(counts: Record<string, number>): VerdictScale | null {
  const verdicts = Object.keys(counts).filter(
    (verdict) => verdict !== NO_VERDICT && verdict !== OTHER_VERDICT,
  );
  if (verdicts.length === 0) return null;
  const isOf = (scale: VerdictScale) => verdicts.every((verdict) => SCALE_VERDICTS[scale].includes(verdict));
  if (isOf('1-5')) return '1-5';
  return isOf('A/B') ? 'A/B' : null;
}

const MOST_KINDS = 20;

/** What follows the last `[RESULT]` of a judge's answer. @param answer in UTF-8 */
export function verdictOf(answer: Buffer): string {
  const mark = answer.lastIndexOf(VERDICT_MARK);
  if (mark === -1) return NO_VERDICT;
  const verdict = answer.toString('utf8', mark + VERDICT_MARK.length).trim();
  return /^[\w.+-]{1,8}$/.test(verdict) ? verdict : OTHER_VERDICT;
}

/** Judges write it before their verdict. */
const VERDICT_MARK = Buffer.from('[RESULT]');
