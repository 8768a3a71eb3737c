import type { Diagnostic, Severity } from '@prometheus-actions/recipe';
import { type Reporter, warningText } from '@prometheus-actions/stage';

/** Annotations of one kind that GitHub shows of a step; of more it says nothing. */
const SHOWN = 10;

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'notice'];

/**
 * Makes annotations of findings: the most severe first, those of one kind in the order in which they are given. Where
 * there are more of a kind than GitHub shows, the last one says how many; of errors the last one is the failure itself.
 *
 * @returns how many errors have no annotation of their own
 */
export function annotate(diagnostics: readonly Diagnostic[], reporter: Reporter): number {
  let errorsLeft = 0;
  for (const severity of SEVERITIES) {
    const { shown, left } = chooseAnnotations(diagnostics, severity);
    for (const diagnostic of shown) reporter[severity](findingText(diagnostic), diagnostic);
    if (severity === 'error') errorsLeft = left;
    else if (left > 0) reporter[severity](`${left} more ${severity}s: see the summary of this job`);
  }
  return errorsLeft;
}

/** Those findings of a kind that get an annotation, and how many others there are. */
function chooseAnnotations(
  diagnostics: readonly Diagnostic[],
  severity: Severity,
): { shown: Diagnostic[]; left: number } {
  const found = diagnostics.filter((diagnostic) => diagnostic.severity === severity);
  // A failed step has one error of its own.
  const room = severity === 'error' || found.length > SHOWN ? SHOWN - 1 : SHOWN;
  return { shown: found.slice(0, room), left: Math.max(0, found.length - room) };
}

/** What was found and what to do, as one text. */
export function findingText({ message, hint }: Diagnostic): string {
  return hint ? `${message}. ${hint}` : message;
}

/** The warnings among findings, all or those in one file, as a stage takes them. */
export function warningsAbout(findings: readonly Diagnostic[], file?: string): string[] {
  const about = findings.filter((finding) => file === undefined || finding.file === file);
  return about
    .filter(({ severity }) => severity === 'warning')
    .map((finding) => warningText(findingText(finding), finding));
}

/** All findings, the most severe first, and within a kind by file and line. */
export function mostSevereFirst(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}
