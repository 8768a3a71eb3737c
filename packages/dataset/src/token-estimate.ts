import { type Percentiles, summarizeLengths } from './length-summary.ts';
import type { RowFacts } from './row-facts.ts';

/** A tokenizer, as far as a report needs it. */
export interface TokenCounter {
  /** Tokens of a text alone, without those that open or close a sequence. */
  count(text: string): number;
}

/** What the lengths of rows are held against. */
export interface TokenLimit {
  counter: TokenCounter;
  /** Tokens beyond which training cuts a row at its end. */
  maxLength: number;
  /** Tokens that the chat template puts round the two messages of a row. */
  templateTokens: number;
  /** Rows of a part that are counted at most; the others are estimated from them. */
  sampleRows: number;
  /** Told once, where the counter fails: the report is without tokens then. */
  onFault?: (error: Error) => void;
}

/** Tokens of the conversations of a part, template included. */
export interface TokenReport {
  /** Rows whose tokens were counted: all, or a sample spread evenly over the part. */
  counted_rows: number;
  /** Whether the other values are estimates, because not every row was counted. */
  estimated: boolean;
  /** Tokens of the texts for each of their characters. */
  per_character: number;
  mean: number;
  percentiles: Percentiles;
  max_length: number;
  rows_over_max_length: number;
}

/** Estimates the tokens of the rows of one part from a sample of them. */
export class TokenEstimator {
  readonly #limit: TokenLimit;
  readonly #prefix: string;
  readonly #prefixBytes: number;
  readonly #bytes: Uint32Array;
  readonly #counted: { row: number; tokens: number }[] = [];
  #row = 0;
  #countedTokens = 0;
  #countedCharacters = 0;
  #failed = false;

  /** @param prefix put before each user text */
  constructor(rows: number, prefix: string, limit: TokenLimit) {
    this.#limit = limit;
    this.#prefix = prefix;
    this.#prefixBytes = Buffer.byteLength(prefix);
    this.#bytes = new Uint32Array(rows);
  }

  /** @param characters of both messages of each row */
  add({ bytes, samples }: RowFacts, characters: Uint32Array): void {
    for (const { row, user, assistant } of samples) {
      const tokens = this.#count(this.#prefix + user) + this.#count(assistant);
      this.#counted.push({ row: this.#row + row, tokens });
      this.#countedTokens += tokens;
      this.#countedCharacters += characters[row] as number;
    }
    this.#bytes.set(
      bytes.map((length) => this.#prefixBytes + length),
      this.#row,
    );
    this.#row += bytes.length;
  }

  /** A tokenizer may be anyone's: what it throws is no reason to prepare no data. */
  #count(text: string): number {
    if (this.#failed) return 0;
    try {
      return this.#limit.counter.count(text);
    } catch (error) {
      this.#failed = true;
      this.#limit.onFault?.(error as Error);
      return 0;
    }
  }

  /** @returns undefined where the counter failed */
  finish(): TokenReport | undefined {
    if (this.#failed) return undefined;
    const { maxLength, templateTokens } = this.#limit;
    const tokens = Uint32Array.from(this.#counted, (row) => row.tokens + templateTokens);
    const { mean, percentiles } = summarizeLengths(tokens);
    return {
      counted_rows: this.#counted.length,
      estimated: this.#counted.length < this.#bytes.length,
      per_character: this.#countedTokens / Math.max(1, this.#countedCharacters),
      mean,
      percentiles,
      max_length: maxLength,
      rows_over_max_length: Math.round(this.#rowsOver(maxLength - templateTokens)),
    };
  }

  /**
   * Expected rows whose texts have more than `room` tokens. Counted rows are known. Any other has the tokens a byte of
   * one of the counted rows that are nearest to it in length, each as likely: so the estimate uses the length of every
   * row, and still allows for long texts being of another kind than short ones.
   */
  #rowsOver(room: number): number {
    const rates = this.#counted
      .map(({ row, tokens }) => ({ bytes: this.#bytes[row] as number, tokens }))
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => a.bytes - b.bytes);
    let over = 0;
    let next = 0;
    for (let row = 0; row < this.#bytes.length; row++) {
      const counted = this.#counted[next];
      if (counted?.row === row) {
        if (counted.tokens > room) over++;
        next++;
        continue;
      }
      const bytes = this.#bytes[row] as number;
      if (bytes + MESSAGE_SPACES <= room) continue;
      const near = nearest(rates, bytes);
      const longer = near.filter((rate) => (rate.tokens / rate.bytes) * bytes > room);
      over += longer.length / Math.max(1, near.length);
    }
    return over;
  }
}

/**
 * A token has at least one byte, so a row of few bytes can't be too long; but some tokenizers put a space before each
 * of the two texts.
 */
const MESSAGE_SPACES = 2;

/** Fewer follow the lengths more closely, more even out chance. */
const NEIGHBOURS = 20;

/** Those around the place of `bytes` in an ascending order. */
function nearest<Rate extends { bytes: number }>(rates: readonly Rate[], bytes: number): Rate[] {
  let low = 0;
  let high = rates.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rates[middle] as Rate).bytes < bytes) low = middle + 1;
    else high = middle;
  }
  const end = Math.min(rates.length, low + NEIGHBOURS / 2);
  return rates.slice(Math.max(0, end - NEIGHBOURS), Math.max(end, NEIGHBOURS));
}
