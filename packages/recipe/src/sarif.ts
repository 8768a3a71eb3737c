import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic, Severity } from './diagnostics.ts';

/** What is known of a rule, by the code of its findings. */
export type Rules = Readonly<Record<string, { severity: Severity; summary: string }>>;

export interface SarifOptions {
  /** Absolute path of the repository: files in it are named relative to it. */
  root: string;
  /** Version of this project. */
  version: string;
  /** Rules that are not described here are listed by their code alone. */
  rules: Rules;
}

const LEVELS = { error: 'error', warning: 'warning', notice: 'note' } as const;

/**
 * Findings as a SARIF 2.1.0 log, which GitHub's code scanning and many editors read.
 *
 * Source of its properties: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarifLog(diagnostics: readonly Diagnostic[], { root, version, rules }: SarifOptions) {
  const codes = [...new Set([...Object.keys(rules), ...diagnostics.map(({ code }) => code)])].sort();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'prometheus-actions', version, rules: codes.map((code) => ruleOf(code, rules)) },
        },
        // Columns of findings are places in JavaScript's strings.
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map(({ severity, code, message, hint, file, line, column }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: LEVELS[severity],
          message: { text: hint ? `${message}. ${hint}` : message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: artifact(root, path.resolve(file)),
                region: { startLine: line, startColumn: column },
              },
            },
          ],
        })),
      },
    ],
  };
}

function ruleOf(code: string, rules: Rules) {
  const known = Object.hasOwn(rules, code) ? rules[code] : undefined;
  return {
    id: code,
    shortDescription: { text: known?.summary ?? code.replaceAll('-', ' ') },
    ...(known && { defaultConfiguration: { level: LEVELS[known.severity] } }),
  };
}

function artifact(root: string, file: string): { uri: string; uriBaseId?: string } {
  const relative = path.relative(root, file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return { uri: pathToFileURL(file).href };
  return { uri: relative.split(path.sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}
