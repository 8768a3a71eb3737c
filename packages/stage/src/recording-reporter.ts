import type { Place } from './errors.ts';
import type { Reporter, StageProgress } from './reporter.ts';
import { WarningCollection, type Warnings, warningText } from './stage-warnings.ts';

/** The warnings of one stage; without a title those that belong to none, such as those of a recipe. */
export interface StageWarnings extends Warnings {
  title: string | undefined;
}

/**
 * Keeps the warnings of a whole command or action, to be repeated at its end, when the lines that showed them are far
 * above: those of a stage as the stage knows them at its end, with those of an output that is up to date.
 */
export class RecordingReporter implements Reporter {
  readonly #reporter: Reporter;
  readonly #besideStages = new WarningCollection();
  readonly #stages: StageWarnings[] = [];
  #open = 0;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  /** In the order of the stages; none is empty. */
  get warnings(): StageWarnings[] {
    const { entries, leftOut } = this.#besideStages.warnings;
    const ofStages = new Set(this.#stages.flatMap((stage) => stage.entries.map(({ text }) => text)));
    const others = entries.filter(({ text }) => !ofStages.has(text));
    return [{ title: undefined, entries: others, leftOut }, ...this.#stages].filter(
      (group) => group.entries.length + group.leftOut > 0,
    );
  }

  info(text: string): void {
    this.#reporter.info(text);
  }

  notice(text: string, place?: Place): void {
    this.#reporter.notice(text, place);
  }

  warning(text: string, place?: Place): void {
    if (this.#open === 0) this.#besideStages.add(warningText(text, place));
    this.#reporter.warning(text, place);
  }

  error(text: string, place?: Place): void {
    this.#reporter.error(text, place);
  }

  startStage(title: string): StageProgress {
    this.#open += 1;
    const progress = this.#reporter.startStage(title);
    return {
      phase: (name) => progress.phase(name),
      progress: (done, total, unit) => progress.progress(done, total, unit),
      line: (text) => progress.line(text),
      end: (status, detail, warnings) => {
        this.#open -= 1;
        this.#stages.push({ title, ...warnings });
        progress.end(status, detail, warnings);
      },
    };
  }
}
