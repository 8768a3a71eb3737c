import path from 'node:path';
import type { Plan, Recipe } from '@prometheus-actions/recipe';
import { ConfigurationError, type Reporter, writeOutput } from '@prometheus-actions/stage';
import { reportHtml } from './report-html.ts';
import { type RunReport, runReport } from './run-report.ts';

/** Where the page is put when nobody says: among the outputs that it reports. */
export function reportFile(plan: Plan): string {
  return path.join(plan.artifactsDir, 'report', 'report.html');
}

/**
 * Writes the page of a report, whole or not at all.
 *
 * @throws ConfigurationError where it can't be written
 */
export async function writeReport(report: RunReport, file: string): Promise<void> {
  try {
    await writeOutput(file, reportHtml(report));
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(`the report can't be written: ${(error as Error).message}`, {
      hint: 'Name another file (output), or make room for this one.',
      cause: error,
    });
  }
}

/** Reports a run at its end, however that was. That it can't be reported is a warning: what ended the run is not hidden. */
export async function leaveReport(
  planned: { recipe: Recipe; plan: Plan },
  { reporter, signal }: { reporter: Reporter; signal: AbortSignal },
): Promise<void> {
  const file = reportFile(planned.plan);
  try {
    await writeReport(await runReport(planned, { signal }), file);
    reporter.info(`The report is in ${file}`);
  } catch (error) {
    const reason = error instanceof ConfigurationError ? error.problem : (error as Error).message;
    reporter.warning(`no report of the run in ${file}: ${reason}`);
  }
}
