import { codePoints } from './code-points.ts';
import { hashText } from './text-hashes.ts';
import { verdictOf } from './verdict.ts';

/** What the report has to know of some rows of a part, in a form that goes from one thread to another. */
export interface RowFacts {
  /** Unicode code points of each user text, without what is put before it. */
  userCharacters: Uint32Array;
  assistantCharacters: Uint32Array;
  /** Bytes of both texts of each row. */
  bytes: Uint32Array;
  /** Texts that are empty or blank. */
  empty: { user: number; assistant: number };
  /** Answers that are not empty and have fewer characters than {@link SHORT_ANSWER_CHARACTERS}. */
  shortAnswers: number;
  userHashes: BigUint64Array;
  /** Of user and assistant text together. */
  conversationHashes: BigUint64Array;
  /** Of the texts of each repeat column; a null has none. */
  repeatHashes: BigUint64Array[];
  verdicts: string[];
  /** The texts of rows whose tokens are to be counted; a row is numbered from the first of these rows. */
  samples: { row: number; user: string; assistant: string }[];
}

export const SHORT_ANSWER_CHARACTERS = 40;

/** Gathers the facts of some rows. */
export class FactsGatherer {
  readonly #facts: RowFacts;
  readonly #isSample: (row: number) => boolean;
  readonly #repeats: number[];
  #rows = 0;

  /**
   * @param rows how many will be added
   * @param repeatColumns number of columns, besides the user column, of which repeated texts are counted
   * @param isSample whether the tokens of the `row`-th of these rows are to be counted
   */
  constructor(rows: number, repeatColumns: number, isSample: (row: number) => boolean) {
    this.#isSample = isSample;
    this.#repeats = new Array<number>(repeatColumns).fill(0);
    this.#facts = {
      userCharacters: new Uint32Array(rows),
      assistantCharacters: new Uint32Array(rows),
      bytes: new Uint32Array(rows),
      empty: { user: 0, assistant: 0 },
      shortAnswers: 0,
      userHashes: new BigUint64Array(rows),
      conversationHashes: new BigUint64Array(rows),
      repeatHashes: this.#repeats.map(() => new BigUint64Array(rows)),
      verdicts: [],
      samples: [],
    };
  }

  /** Add a row, in UTF-8. @param texts of the repeat columns, in their order; `null` is no text */
  add(user: Buffer, assistant: Buffer, texts: readonly (Buffer | null)[]): void {
    const facts = this.#facts;
    const row = this.#rows++;
    const assistantCharacters = codePoints(assistant);
    facts.userCharacters[row] = codePoints(user);
    facts.assistantCharacters[row] = assistantCharacters;
    facts.bytes[row] = user.length + assistant.length;

    if (isBlank(user)) facts.empty.user++;
    if (isBlank(assistant)) facts.empty.assistant++;
    else if (assistantCharacters < SHORT_ANSWER_CHARACTERS) facts.shortAnswers++;

    // The user text is long: its hash stands for it in that of the conversation.
    const userHash = hashText(user);
    facts.userHashes[row] = userHash;
    facts.conversationHashes[row] = hashText(assistant, userHash);
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i];
      if (text) (facts.repeatHashes[i] as BigUint64Array)[(this.#repeats[i] as number)++] = hashText(text);
    }
    facts.verdicts.push(verdictOf(assistant));
    if (this.#isSample(row))
      facts.samples.push({ row, user: user.toString(), assistant: assistant.toString() });
  }

  finish(): RowFacts {
    const repeatHashes = this.#facts.repeatHashes.map((hashes, i) => hashes.slice(0, this.#repeats[i]));
    return { ...this.#facts, repeatHashes };
  }
}

/** Whether a row is one of the `most`, or fewer, that stand evenly spread among `rows`. */
export function isEvenlySpread(row: number, rows: number, most: number): boolean {
  const chosen = Math.min(rows, most);
  return Math.ceil(((row + 1) * chosen) / rows) > Math.ceil((row * chosen) / rows);
}

/** Whether UTF-8 is nothing but white space, of all kinds that Unicode has. */
function isBlank(text: Buffer): boolean {
  const first = text[0];
  // Most texts start with a character of ASCII that is no space or control character.
  if (first !== undefined && first > 0x20 && first < 0x80) return false;
  return text.toString().trim() === '';
}
