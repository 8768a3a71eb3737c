import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Diagnostic, sarifLog } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';

/** Findings as the text of a SARIF file, with places relative to `root`. */
export function sarifText(diagnostics: readonly Diagnostic[], root: string): string {
  const packageFile = readFileSync(path.join(PROJECT_ROOT, 'package.json'), 'utf8');
  const { version } = JSON.parse(packageFile) as { version: string };
  return `${JSON.stringify(sarifLog(diagnostics, { root, version }), null, 2)}\n`;
}
