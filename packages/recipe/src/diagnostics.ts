import { ConfigurationError, formatPlace, visibleText } from '@prometheus-actions/stage';
import { closest, distance } from 'fastest-levenshtein';
import type { RuleCode, Severity } from './rules.ts';
import type { TextEdit } from './text-edits.ts';

/** One finding about a recipe's files. */
export interface Diagnostic {
  severity: Severity;
  /** Stable name of the rule. */
  code: RuleCode;
  /** What was found and what was expected; all of it can be seen, whatever stands in the file. */
  message: string;
  /** What to do about it. */
  hint?: string | undefined;
  file: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
  /** The column after the text that was found, on the same line; absent where nothing was found there. */
  endColumn?: number | undefined;
  /** Edits of the file that put it right without changing what it means. */
  fix?: readonly TextEdit[] | undefined;
}

/** A recipe that can't be run, with all that was found in its files. */
export class RecipeError extends ConfigurationError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    super(errors.map(formatDiagnostic).join('\n'));
    this.diagnostics = diagnostics;
  }
}

/** `file:line:column: error: message`, and what to do on a second line. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const text = `${visibleText(formatPlace(diagnostic))}: ${diagnostic.severity}: ${diagnostic.message} [${diagnostic.code}]`;
  return diagnostic.hint ? `${text}\n  ${diagnostic.hint}` : text;
}

/**
 * By file, then in the order in which they stand there; what was found twice, in a file that two others name, once. How
 * other tools read a value is left out where it is wrong here already.
 */
export function inSourceOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const place = ({ file, line, column }: Diagnostic) => formatPlace({ file, line, column });
  const wrong = new Set(diagnostics.filter(({ severity }) => severity === 'error').map(place));
  const told = diagnostics.filter((finding) => finding.code !== 'yaml-version' || !wrong.has(place(finding)));
  const found = new Map(told.map((diagnostic) => [formatDiagnostic(diagnostic), diagnostic]));
  return [...found.values()].sort(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
  );
}

/** `Did you mean X?` where one of the names is near enough to be a slip of the fingers. */
export function didYouMean(found: string, names: readonly string[]): string | undefined {
  const near = nearest(found, names);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/** The name that such a slip was to be. */
export function nearest(found: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const name = closest(found, [...names]);
  return distance(found, name) <= Math.max(2, Math.floor(found.length / 3)) ? name : undefined;
}
