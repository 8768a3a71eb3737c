import { readFileSync, writeFileSync } from 'node:fs';
import { formatPlace, type Place } from './errors.ts';
import type { Manifest } from './manifest.ts';
import type { Reporter } from './reporter.ts';

/** The warnings of a stage, or of what goes round the stages: each text once. */
export interface Warnings {
  entries: readonly { text: string; times: number }[];
  /** Warnings that are not among them, since there were too many different ones. */
  leftOut: number;
}

/** Different texts that are kept of a stage, and characters of one: a manifest is no log. */
const MOST = 50;
const LONGEST = 2000;

/**
 * Collects warnings. Those of an interrupted run of the same stage are kept beside its work; one that is given again when
 * the run goes on counts as often as in the run that gave it most often.
 */
export class WarningCollection {
  readonly #earlier = new Map<string, number>();
  readonly #now = new Map<string, number>();
  #leftOutEarlier = 0;
  #leftOut = 0;
  #file: string | undefined;

  add(text: string): void {
    const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
    const isKnown = this.#now.has(cut) || this.#earlier.has(cut);
    if (!isKnown && this.#texts().length >= MOST) {
      this.#leftOut += 1;
      return;
    }
    this.#now.set(cut, (this.#now.get(cut) ?? 0) + 1);
    if (!isKnown) this.#save();
  }

  /** Takes over what an interrupted run left in a file, which is written from now on. Its folder exists. */
  continueIn(file: string): void {
    this.#file = file;
    const { entries, leftOut } = readWarnings(file);
    for (const { text, times } of entries) this.#earlier.set(text, times);
    this.#leftOutEarlier = leftOut;
    if (this.#now.size > 0) this.#save();
  }

  get warnings(): Warnings {
    const times = (text: string) => Math.max(this.#earlier.get(text) ?? 0, this.#now.get(text) ?? 0);
    return {
      entries: this.#texts().map((text) => ({ text, times: times(text) })),
      leftOut: Math.max(this.#leftOutEarlier, this.#leftOut),
    };
  }

  #texts(): string[] {
    return [...new Set([...this.#earlier.keys(), ...this.#now.keys()])];
  }

  #save(): void {
    if (this.#file === undefined) return;
    try {
      writeFileSync(this.#file, JSON.stringify(this.warnings));
    } catch {
      // Only a run that is interrupted needs it; what keeps it from being written will end the stage itself.
    }
  }
}

function readWarnings(file: string): Warnings {
  try {
    const { entries, leftOut } = JSON.parse(readFileSync(file, 'utf8')) as Warnings;
    return { entries: entries.filter(({ text }) => typeof text === 'string'), leftOut: Number(leftOut) || 0 };
  } catch {
    return { entries: [], leftOut: 0 }; // none yet, or killed while it was written
  }
}

/** Warnings as a manifest holds them: a text with how often it was given, where that was more than once. */
export function warningsForManifest({
  entries,
  leftOut,
}: Warnings): Pick<Manifest, 'warnings' | 'warnings_left_out'> {
  return {
    warnings: entries.map(({ text, times }) => (times > 1 ? `${text} (${times} times)` : text)),
    ...(leftOut > 0 && { warnings_left_out: leftOut }),
  };
}

/** The warnings of a finished output; none of one that was made before manifests had them. */
export function warningsOfManifest({ warnings = [], warnings_left_out: leftOut = 0 }: Manifest): Warnings {
  return { entries: warnings.map((text) => ({ text, times: 1 })), leftOut };
}

/** A warning as it is repeated, away from the place that it is about. */
export function warningText(text: string, place?: Place): string {
  return place ? `${formatPlace(place)}: ${text}` : text;
}

/** The same reporter, whose warnings are also handed to a function. */
export function listenToWarnings(reporter: Reporter, onWarning: (text: string) => void): Reporter {
  return {
    info: (text) => reporter.info(text),
    notice: (text, place) => reporter.notice(text, place),
    warning: (text, place) => {
      onWarning(warningText(text, place));
      reporter.warning(text, place);
    },
    error: (text, place) => reporter.error(text, place),
    startStage: (title) => reporter.startStage(title),
  };
}
