import { readFileSync } from 'node:fs';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { Diagnostic, Severity } from './diagnostics.ts';
import { explainSyntax, unknownAlias } from './yaml-syntax.ts';

type KeyPath = readonly PropertyKey[];

/** A YAML file whose values know where they stand. */
export interface YamlFile {
  file: string;
  data: unknown;
  /** A finding at the value at a path, or at its key. */
  diagnose: (at: { path: KeyPath; key?: boolean }, finding: Finding) => Diagnostic;
}

export interface Finding {
  severity?: Severity;
  code: string;
  message: string;
  hint?: string | undefined;
}

/**
 * Reads a YAML file; what is wrong with its syntax, or with reading it, is added to `diagnostics`.
 *
 * @param version that its plain values are read by, where it doesn't say itself
 */
export function readYamlFile(
  file: string,
  diagnostics: Diagnostic[],
  version: '1.1' | '1.2' = '1.2',
): YamlFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const message = `the file can't be read: ${(error as NodeJS.ErrnoException).code}`;
    diagnostics.push({ severity: 'error', code: 'missing-file', message, file, line: 1, column: 1 });
    return undefined;
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version });
  const placeOf = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const found = explainSyntax(document.errors, text);
  const unknown = unknownAlias(document);
  if (unknown) found.push(unknown);
  for (const { offset, finding } of found)
    diagnostics.push({ severity: 'error', ...finding, ...placeOf(offset) });
  // Keys that stand twice don't keep the rest from being checked.
  if (found.some(({ finding }) => finding.code !== 'duplicate-key')) return undefined;
  const diagnose: YamlFile['diagnose'] = ({ path, key }, { severity = 'error', ...finding }) => {
    return { severity, ...finding, ...placeOf(offsetOf(document, path, key ?? false)) };
  };
  try {
    return { file, data: document.toJS({ maxAliasCount: 100 }), diagnose };
  } catch {
    const message = 'aliases (*name) repeat so much that the file would not fit into memory';
    diagnostics.push(
      diagnose({ path: [] }, { code: 'yaml-syntax', message, hint: 'Write it without them.' }),
    );
    return undefined;
  }
}

/** Start of the value at a path, or of its key; of the nearest value above it where it isn't there. */
function offsetOf(document: Document, path: KeyPath, key: boolean): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const parentPath = path.slice(0, length - 1);
    const parent = document.getIn(parentPath, true);
    if ((key || length < path.length) && length > 0 && isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === path[length - 1]);
      const start = (pair?.key as Node | undefined)?.range?.[0];
      if (start !== undefined) return start;
    }
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    if (node?.range) return node.range[0];
  }
  return 0;
}

/** The finding for a file that is named somewhere and isn't there. */
export function missingFile(file: string): Finding {
  return { code: 'missing-file', message: `there is no file ${file}` };
}
