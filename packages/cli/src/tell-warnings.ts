import { warningsText } from '@prometheus-actions/chain';
import type { RecordingReporter } from '@prometheus-actions/stage';

/** Repeats all warnings of a command, at its end; with `--quiet` they have been printed once, and that is all. */
export function tellWarnings(reporter: RecordingReporter): void {
  const text = warningsText(reporter.warnings);
  if (text !== '') reporter.info(`\n${text}`);
}
