import { warningsText } from '@prometheus-actions/chain';
import type { RecordingReporter } from '@prometheus-actions/stage';

/** Repeats all warnings of a command, at its end; with `--quiet` they are printed once, as they come. */
export function tellWarnings(reporter: RecordingReporter): void {
  const text = warningsText(reporter.warnings);
  if (text !== '') reporter.info(`\n${text}`);
}
