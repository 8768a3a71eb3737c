import path from 'node:path';
import { mayQuote, readFile, visibleColumns, withoutMark } from '@prometheus-actions/stage';
import { type Diagnostic, formatDiagnostic } from './diagnostics.ts';

/** Columns of a line that are shown; of a longer one, those around what is wrong. */
const SHOWN = 100;

/** As `formatDiagnostic`, and between what is wrong and what to do the line of the file with a caret under it. */
export function formatWithSource(diagnostic: Diagnostic): string {
  const { hint, ...finding } = diagnostic;
  return [formatDiagnostic(finding), ...excerptOf(diagnostic), ...(hint ? [`  ${hint}`] : [])].join('\n');
}

function excerptOf({ file, line, column, endColumn }: Diagnostic): string[] {
  const text = lineOf(file, line);
  if (!text?.trim()) return [];
  const start = Math.max(0, column - 1 - SHOWN / 2);
  const shown = visibleColumns(text.slice(start, start + SHOWN));
  const found = /^("[^"]*"?|'[^']*'?|[^\s:,#[\]{}]+)/.exec(text.slice(column - 1))?.[0] ?? ' ';
  const length = endColumn === undefined ? found.length : endColumn - column;
  const marked = `^${'~'.repeat(Math.max(0, Math.min(length, start + SHOWN - column + 1) - 1))}`;
  const margin = String(line).padStart(5);
  return [`${margin} | ${shown}`, `      | ${' '.repeat(column - 1 - start)}${marked}`];
}

function lineOf(file: string, line: number): string | undefined {
  if (!mayQuote(path.resolve(file))) return undefined;
  try {
    return withoutMark(readFile(file).toString()).split(/\r\n|\n|\r/)[line - 1];
  } catch {
    return undefined;
  }
}
