import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plan } from '@prometheus-actions/recipe';
import { reportHtml } from './report-html.ts';
import type { RunReport } from './run-report.ts';

/** Where the page is put when nobody says: among the outputs that it reports. */
export function reportFile(plan: Plan): string {
  return path.join(plan.artifactsDir, 'report', 'report.html');
}

/** Writes the page of a report, whole or not at all. */
export async function writeReport(report: RunReport, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, reportHtml(report));
  await rename(unfinished, file);
}
