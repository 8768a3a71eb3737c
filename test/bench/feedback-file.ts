import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Prose, type Random, seededRandom } from './sample-prose.ts';

/** Bytes of a row on average, nearly. */
export const ROW_BYTES = 7000;

/** Where the file of so many rows is kept; another name when the code that writes it has changed. */
export function feedbackFile(folder: string, rows: number): string {
  const digest = createHash('sha256');
  for (const source of ['feedback-file.ts', 'sample-prose.ts'])
    digest.update(readFileSync(path.join(import.meta.dirname, source)));
  return path.join(folder, `feedback-${rows}-${digest.digest('hex').slice(0, 8)}.json`);
}

/**
 * Writes a file like that of the Feedback Collection, unless it is there: one JSON array of rows of 13 text columns,
 * five rows an instruction, one for each score. The same number of rows makes the same bytes.
 */
export async function writeFeedbackFile(file: string, rows: number): Promise<void> {
  if (existsSync(file)) return;
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.part`;
  await pipeline(Readable.from(pieces(rows)), createWriteStream(unfinished));
  await rename(unfinished, file);
}

const SEED = 42;
const SCORES = [1, 2, 3, 4, 5];
const PIECE_CHARACTERS = 1 << 20;

function* pieces(rows: number): Generator<string> {
  let piece = '[';
  let written = 0;
  for (const row of feedbackRows()) {
    piece += JSON.stringify(row);
    written += 1;
    if (written === rows) break;
    piece += ', ';
    if (piece.length > PIECE_CHARACTERS) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}]`;
}

/** Medians and deviations of lengths as in public judgements of the same layout, somewhat shortened. */
function* feedbackRows(): Generator<Record<string, string>> {
  const random = seededRandom(SEED);
  const prose = new Prose(random);
  for (let number = 1; ; number++) {
    // Numbered, so that no two questions are the same by chance.
    const question = `Question ${number}. ${prose.text(random.logNormal(60, 0.4))}`;
    const reference = prose.text(random.logNormal(580, 0.35));
    const criteria = prose.line(random.logNormal(60, 0.35));
    const descriptions = SCORES.map(() => prose.line(random.logNormal(70, 0.25)));
    for (const score of SCORES) {
      const response = prose.text(random.logNormal(740, 0.5));
      yield feedbackRow({ question, response, reference, criteria, descriptions, score }, prose, random);
    }
  }
}

interface Judged {
  question: string;
  response: string;
  reference: string;
  criteria: string;
  descriptions: string[];
  score: number;
}

function feedbackRow(judged: Judged, prose: Prose, random: Random): Record<string, string> {
  const feedback = prose.line(random.logNormal(520, 0.2));
  return {
    instruction: prompt(judged),
    output: `Feedback: ${feedback} [RESULT] ${judged.score}`,
    orig_instruction: judged.question,
    orig_response: judged.response,
    orig_reference_answer: judged.reference,
    orig_criteria: judged.criteria,
    ...Object.fromEntries(judged.descriptions.map((text, i) => [`orig_score${i + 1}_description`, text])),
    orig_feedback: feedback,
    orig_score: String(judged.score),
  };
}

/** Laid out as the prompts of the published collection are, in words of our own. */
function prompt({ question, response, reference, criteria, descriptions }: Judged): string {
  return `###Task Description:
An instruction, a response to judge, a reference answer that deserves a score of 5, and a score rubric are given.
1. Write feedback on the quality of the response by the score rubric alone, in detail.
2. After the feedback, write a score, an integer from 1 to 5, as the score rubric defines it.
3. Keep to this form: "Feedback: (the feedback) [RESULT] (an integer from 1 to 5)"
4. Write nothing before it and nothing after it.

###The instruction to evaluate:
${question}

###Response to evaluate:
${response}

###Reference Answer (Score 5):
${reference}

###Score Rubrics:
[${criteria}]
${descriptions.map((text, i) => `Score ${i + 1}: ${text}`).join('\n')}

###Feedback: `;
}
