import { Buffer } from 'node:buffer';
import * as core from '@actions/core';

/** Bytes of a step's summary; of a longer one GitHub shows nothing (GitHub's docs, "Adding a job summary"). */
export const SUMMARY_LIMIT = 1024 * 1024;

/** The outputs of a step. If they can't be written, the work is not lost: one warning at the end says so. */
export class StepOutputs {
  readonly #lost = new Set<string>();
  #reason = '';

  set(name: string, value: string | boolean | number): void {
    try {
      core.setOutput(name, value);
    } catch (error) {
      this.#lost.add(name);
      this.#reason ||= (error as Error).message;
    }
  }

  /** What later steps lack, and why; undefined where all was written. */
  get problem(): string | undefined {
    if (this.#lost.size === 0) return undefined;
    const names = [...this.#lost].join(', ');
    return `Outputs could not be written, so later steps lack them or read earlier values: ${names}. ${this.#reason}`;
  }
}

/**
 * Appends to the summary of a step, if it has one.
 *
 * @returns why that was not possible; undefined where it was
 */
export async function writeSummary(sections: readonly string[]): Promise<string | undefined> {
  if (sections.length === 0 || !process.env.GITHUB_STEP_SUMMARY) return undefined;
  try {
    await core.summary.addRaw(withinLimit(sections, SUMMARY_LIMIT), true).write();
    return undefined;
  } catch (error) {
    return `The summary of this step could not be written: ${(error as Error).message}`;
  }
}

/** The sections, one after the other; where they are too long together, the longest ones are cut, each with a note. */
export function withinLimit(sections: readonly string[], limit: number): string {
  const kept = [...sections];
  const length = () => Buffer.byteLength(`${kept.join('\n')}\n`);
  const cut = new Set<number>();
  while (length() > limit && cut.size < kept.length) {
    const [longest = 0] = [...kept.keys()]
      .filter((index) => !cut.has(index))
      .sort((a, b) => Buffer.byteLength(kept[b] ?? '') - Buffer.byteLength(kept[a] ?? ''));
    cut.add(longest);
    const section = kept[longest] ?? '';
    kept[longest] = beginningOf(section, Buffer.byteLength(section) - (length() - limit));
  }
  return length() > limit ? CUT.trim().slice(0, limit / 4) : kept.join('\n');
}

const CUT =
  '\n\n… The rest is left out: GitHub shows no summary of more than 1 MiB. See the log of this step.\n';
const FENCE = '```';

/** Whole lines from the beginning of a section, with a note, in so many bytes; the note alone where these are too few. */
function beginningOf(section: string, bytes: number): string {
  const room = bytes - Buffer.byteLength(CUT) - Buffer.byteLength(`${FENCE}\n`);
  if (room <= 0) return CUT;
  const text = Buffer.from(section).subarray(0, room).toString('utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // Text in a fence would swallow the note, and all that follows.
  const isOpen = whole.split('\n').filter((line) => line.startsWith(FENCE)).length % 2 === 1;
  return `${whole}${isOpen ? `${FENCE}\n` : ''}${CUT}`;
}
