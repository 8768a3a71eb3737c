import { codePoints } from './code-points.ts';
import { type LengthSummary, summarizeLengths } from './length-summary.ts';
import type { RowFacts } from './row-facts.ts';
import { type RepeatMetrics, repeatMetrics, TextHashes } from './text-hashes.ts';
import { TokenEstimator, type TokenLimit, type TokenReport } from './token-estimate.ts';
import { VerdictCounts, type VerdictScale, verdictScale } from './verdict.ts';

/** What a trainer of judges wants to know of prepared data; plain JSON. */
export interface DataReport {
  train: PartReport;
  test?: PartReport;
  /** By column: the user column, and what else the collectors were given. */
  repeats: Record<string, RepeatMetrics>;
  duplicates: DuplicateMetrics;
}

export interface PartReport {
  rows: number;
  /** Lengths in Unicode code points, as Python counts them; a conversation is both messages. */
  characters: { user: LengthSummary; assistant: LengthSummary; conversation: LengthSummary };
  /** Rows whose text is empty or blank, whatever is put before it. */
  empty: { user: number; assistant: number };
  /** Rows whose answer is not empty but has fewer than 40 characters: a verdict hardly fits, feedback does not. */
  short_answers: number;
  /** Rows by what follows the last `[RESULT]` of the answer; `none` without it, `other` for longer text. */
  verdicts: Record<string, number>;
  verdict_scale: VerdictScale | null;
  tokens?: TokenReport;
}

/** Rows with the same user and assistant text as another. */
interface DuplicateMetrics {
  /** Rows of train beyond the first of their kind. */
  train_rows: number;
  /** Rows of test beyond the first of their kind. */
  test_rows: number;
  test_rows_in_train: number;
}

export interface PartSettings {
  /** Put before each user text: the system prompt and a blank line, or nothing. */
  prefix: string;
  userColumn: string;
  /** Columns, besides the user column, of which repeated texts are counted. */
  repeatColumns: readonly string[];
  /** Report tokens too. */
  tokens?: TokenLimit | undefined;
}

/** Collects what is reported of one part, in 8 bytes a row, 4 more for tokens, and 8 for each hash. */
export class PartCollector {
  /** Texts of a column, by its name. */
  readonly repeats: ReadonlyMap<string, TextHashes>;
  /** User and assistant text together. */
  readonly conversations: TextHashes;
  readonly #prefixCharacters: number;
  readonly #user: Uint32Array;
  readonly #assistant: Uint32Array;
  readonly #userHashes: TextHashes;
  readonly #repeatHashes: TextHashes[];
  readonly #verdicts = new VerdictCounts();
  readonly #tokens: TokenEstimator | undefined;
  readonly #empty = { user: 0, assistant: 0 };
  #shortAnswers = 0;
  #rows = 0;

  /** @param rows how many will be added, at least one */
  constructor(rows: number, settings: PartSettings) {
    this.#prefixCharacters = codePoints(Buffer.from(settings.prefix));
    this.#user = new Uint32Array(rows);
    this.#assistant = new Uint32Array(rows);
    this.conversations = new TextHashes(rows);
    this.#userHashes = new TextHashes(rows);
    this.#repeatHashes = settings.repeatColumns.map(() => new TextHashes(rows));
    this.repeats = new Map([
      [settings.userColumn, this.#userHashes],
      ...settings.repeatColumns.map((name, i): [string, TextHashes] => [
        name,
        this.#repeatHashes[i] as TextHashes,
      ]),
    ]);
    this.#tokens = settings.tokens && new TokenEstimator(rows, settings.prefix, settings.tokens);
  }

  /** Add rows; those of the part come in their order. */
  add(facts: RowFacts): void {
    const user = facts.userCharacters.map((characters) => this.#prefixCharacters + characters);
    this.#user.set(user, this.#rows);
    this.#assistant.set(facts.assistantCharacters, this.#rows);
    this.#rows += user.length;
    this.#empty.user += facts.empty.user;
    this.#empty.assistant += facts.empty.assistant;
    this.#shortAnswers += facts.shortAnswers;
    this.#userHashes.add(facts.userHashes);
    this.conversations.add(facts.conversationHashes);
    for (const [i, hashes] of facts.repeatHashes.entries()) this.#repeatHashes[i]?.add(hashes);
    for (const verdict of facts.verdicts) this.#verdicts.add(verdict);
    this.#tokens?.add(
      facts,
      user.map((characters, row) => characters + (facts.assistantCharacters[row] as number)),
    );
  }

  finish(): PartReport {
    if (this.#rows !== this.#user.length) {
      throw new Error(`${this.#rows} rows were added to a report of ${this.#user.length}`);
    }
    const verdicts = this.#verdicts.finish();
    const tokens = this.#tokens?.finish();
    return {
      rows: this.#rows,
      characters: {
        user: summarizeLengths(this.#user),
        assistant: summarizeLengths(this.#assistant),
        conversation: summarizeLengths(
          this.#user.map((length, row) => length + (this.#assistant[row] as number)),
        ),
      },
      empty: { ...this.#empty },
      short_answers: this.#shortAnswers,
      verdicts,
      verdict_scale: verdictScale(verdicts),
      ...(tokens && { tokens }),
    };
  }
}

/** The report over parts whose rows were all added; both have the same repeat columns. */
export function dataReport(train: PartCollector, test?: PartCollector): DataReport {
  const trainReport = train.finish();
  const testReport = test?.finish();
  const none = new TextHashes(0);
  const conversations = repeatMetrics(train.conversations, test?.conversations ?? none);
  return {
    train: trainReport,
    ...(testReport && { test: testReport }),
    repeats: Object.fromEntries(
      [...train.repeats].map(([column, hashes]) => [
        column,
        repeatMetrics(hashes, test?.repeats.get(column) ?? none),
      ]),
    ),
    duplicates: {
      train_rows: trainReport.rows - conversations.train_distinct,
      test_rows: (testReport?.rows ?? 0) - conversations.test_distinct,
      test_rows_in_train: conversations.test_rows_in_train,
    },
  };
}
