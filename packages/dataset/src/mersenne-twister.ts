const STATE_WORDS = 624;
const SHIFT_WORDS = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;

/**
 * MT19937, seeded as NumPy's legacy `RandomState(seed)` seeds it.
 *
 * Source: Matsumoto and Nishimura, "Mersenne Twister", 1998, and their reference code of 2002 (`init_genrand`).
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(STATE_WORDS);
  #next = STATE_WORDS;

  /** @param seed an integer from 0 to 2^32 - 1 */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`seed must be an integer from 0 to 4294967295, got ${seed}`);
    }
    const state = this.#state;
    let word = seed >>> 0;
    state[0] = word;
    for (let i = 1; i < STATE_WORDS; i++) {
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i) >>> 0;
      state[i] = word;
    }
  }

  /** The next word of the sequence, from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#next === STATE_WORDS) this.#twist();
    let word = this.#state[this.#next++] as number;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  /**
   * A uniform integer from 0 to `max`, both included, drawn as NumPy's `random_interval` draws it:
   * words masked to the bits of `max` are rejected until one is not above it.
   *
   * @param max an integer from 0 to 2^32 - 1
   */
  interval(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    let word = (this.uint32() & mask) >>> 0;
    while (word > max) word = (this.uint32() & mask) >>> 0;
    return word;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < STATE_WORDS; i++) {
      const following = state[(i + 1) % STATE_WORDS] as number;
      const bits = ((state[i] as number) & UPPER_BIT) | (following & LOWER_BITS);
      const shifted = state[(i + SHIFT_WORDS) % STATE_WORDS] as number;
      state[i] = shifted ^ (bits >>> 1) ^ (bits & 1 ? TWIST : 0);
    }
    this.#next = 0;
  }
}
