import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic } from './diagnostics.ts';
import { RULES, type RuleCode } from './rules.ts';

export interface SarifOptions {
  /** Absolute path of the repository: files in it are named relative to it. */
  root: string;
  /** Version of this project. */
  version: string;
}

const LEVELS = { error: 'error', warning: 'warning', notice: 'note' } as const;

/**
 * Findings as a SARIF 2.1.0 log, which GitHub's code scanning and many editors read.
 *
 * Source of its properties: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarifLog(diagnostics: readonly Diagnostic[], { root, version }: SarifOptions) {
  const codes = Object.keys(RULES) as RuleCode[];
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'prometheus-actions', version, rules: codes.map(ruleOf) },
        },
        // Columns of findings are places in JavaScript's strings.
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map(({ severity, code, message, hint, file, line, column, endColumn }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: LEVELS[severity],
          message: { text: hint ? `${message}. ${hint}` : message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: artifact(root, path.resolve(file)),
                region: { startLine: line, startColumn: column, ...(endColumn && { endColumn }) },
              },
            },
          ],
        })),
      },
    ],
  };
}

function ruleOf(code: RuleCode) {
  const { severity, summary } = RULES[code];
  return {
    id: code,
    shortDescription: { text: summary },
    defaultConfiguration: { level: LEVELS[severity] },
  };
}

function artifact(root: string, file: string): { uri: string; uriBaseId?: string } {
  const relative = path.relative(root, file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return { uri: pathToFileURL(file).href };
  return { uri: relative.split(path.sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}
