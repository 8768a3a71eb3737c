import type { Place } from './errors.ts';
import type { Warnings } from './stage-warnings.ts';
import { visibleText } from './visible-text.ts';

export type StageStatus = 'done' | 'up to date' | 'stopped' | 'failed';

/** Where a run tells people what happens: a terminal, plain lines, or a GitHub job's log. */
export interface Reporter {
  info(text: string): void;
  notice(text: string, place?: Place): void;
  warning(text: string, place?: Place): void;
  error(text: string, place?: Place): void;
  startStage(title: string): StageProgress;
}

/** The part of a reporter that follows one stage. */
export interface StageProgress {
  /** What is being done now, without a measure of how far it is. */
  phase(name: string): void;
  progress(done: number, total: number, unit: string): void;
  /** One compact line about the work, such as the loss at a step. */
  line(text: string): void;
  /** With all warnings of the stage, those of earlier runs that made its output included. */
  end(status: StageStatus, detail: string, warnings: Warnings): void;
}

/** Plain lines, for pipes and CI: no cursor movement, progress at most every tenth or every 30 seconds. */
export class PlainReporter implements Reporter {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  info(text: string): void {
    this.#write(printable(text));
  }

  notice(text: string): void {
    this.info(`notice: ${text}`);
  }

  warning(text: string): void {
    this.info(`warning: ${text}`);
  }

  error(text: string): void {
    this.info(`error: ${text}`);
  }

  startStage(title: string): StageProgress {
    return new PlainStageProgress((text) => this.info(`${title}: ${text}`));
  }
}

class PlainStageProgress implements StageProgress {
  readonly #say: (text: string) => void;
  #lastTenth = 0;
  #lastTime = Date.now();
  #lastPhase = '';

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  phase(name: string): void {
    if (name === this.#lastPhase) return;
    this.#lastPhase = name;
    this.#lastTenth = 0;
    this.#say(name);
  }

  progress(done: number, total: number, unit: string): void {
    const tenth = Math.floor((10 * done) / Math.max(total, 1));
    const overdue = Date.now() - this.#lastTime > 30_000;
    if (tenth < this.#lastTenth) this.#lastTenth = tenth;
    if (tenth === this.#lastTenth && !overdue) return;
    this.#lastTenth = tenth;
    this.#lastTime = Date.now();
    this.#say(`${formatAmount(done, unit)} of ${formatAmount(total, unit)}`);
  }

  line(text: string): void {
    this.#say(text);
  }

  end(status: StageStatus, detail: string): void {
    this.#say(detail ? `${status}, ${detail}` : status);
  }
}

/**
 * Text of others (a trainer's output, data) that neither drives a terminal nor shows something else than is there: without
 * control characters but line breaks, and with what reorders or hides other characters written as its code.
 */
export function printable(text: string): string {
  return text
    .replace(/(\u001b\[|\u009b)[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/[^\P{Cc}\n]/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, visibleText);
}

/** `3 rows`, `1.2 GB`: bytes in decimal units as disks are sold, everything else as it is. */
export function formatAmount(amount: number, unit: string): string {
  return unit === 'bytes' ? formatBytes(amount) : `${amount.toLocaleString('en-US')} ${unit}`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
