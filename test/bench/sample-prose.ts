/** Numbers that look random and follow from a seed. */
export interface Random {
  /** At least 0, below 1. */
  uniform(): number;
  /** An integer of at least 0, below `end`. */
  below(end: number): number;
  /** Log-normal: half of the numbers are below `median`; `sigma` is the deviation of their logarithm. */
  logNormal(median: number, sigma: number): number;
}

/** Mulberry32, which is good enough for text and costs next to nothing. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform,
    below: (end) => Math.floor(uniform() * end),
    logNormal: (median, sigma) => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * uniform()));
    },
  };
}

/** Text of sentences that were made once: what counts is bytes and escapes, and making words costs time. */
export class Prose {
  readonly #random: Random;
  readonly #sentences: string[];

  constructor(random: Random) {
    this.#random = random;
    this.#sentences = Array.from({ length: 8192 }, () => sentence(random));
  }

  /** One paragraph or several, of at least so many characters, ended at a sentence. */
  text(characters: number): string {
    let text = this.#sentence();
    while (text.length < characters) {
      text += `${this.#random.below(6) === 0 ? '\n\n' : ' '}${this.#sentence()}`;
    }
    return text;
  }

  /** The like of `text`, in one paragraph. */
  line(characters: number): string {
    return this.text(characters).replaceAll('\n\n', ' ');
  }

  #sentence(): string {
    return this.#sentences[this.#random.below(this.#sentences.length)] as string;
  }
}

const WORDS = (
  'the a of to and in is that it for with as on this by are be not or from at which an more but when each their has ' +
  'how they one so can all also may first because if than them its about after before both only other some there what ' +
  'answer reader example question reason step point detail evidence plan result context source problem idea method ' +
  'number table letter teacher student patient customer market river garden engine recipe budget contract weather ' +
  'music history language memory network function variable argument assumption conclusion comparison alternative ' +
  'explains describes shows gives needs mentions omits supports repeats compares suggests begins ends considers ' +
  'addresses clarifies introduces measures improves reduces follows leads remains fails helps makes keeps asks ' +
  'clear short useful relevant accurate vague complete partial careful practical simple complex specific general ' +
  'important common different consistent helpful honest incomplete thoughtful polite technical creative plausible ' +
  'clearly often rarely mostly partly fully well instead therefore however although without between through'
).split(' ');

/** None beyond U+FFFF: one such character in a file would double what Python needs for its text, to our advantage. */
const FOREIGN_WORDS = [
  'café',
  'naïve',
  'Zürich',
  'Łódź',
  '√2',
  '10³',
  '≈',
  '€',
  '“so-called”',
  '—',
  '東京',
  'don’t',
];

/** Public judgements have a character beyond ASCII in about a tenth of their prompts, of some thirty sentences each. */
const SENTENCES_PER_FOREIGN_WORD = 300;

function sentence(random: Random): string {
  const words = Array.from({ length: 6 + random.below(16) }, () => pick(random, WORDS));
  if (random.below(40) === 0) words[1] = `"${words[1]}"`;
  if (random.below(60) === 0) words[2] = `${words[2]}\t`;
  if (random.below(200) === 0) words[2] = `C:\\${words[2]}`;
  if (random.below(SENTENCES_PER_FOREIGN_WORD) === 0) words[3] = pick(random, FOREIGN_WORDS);
  if (random.below(2) === 0) words[4] = `${words[4]},`;
  const text = words.join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${random.below(12) === 0 ? '?' : '.'}`;
}

function pick(random: Random, words: readonly string[]): string {
  return words[random.below(words.length)] as string;
}
