import path from 'node:path';
import {
  enclosureOf,
  RefusedPath,
  readFile,
  refusalOf,
  siblingNames,
  statFile,
  textFault,
  visibleText,
  withoutMark,
} from '@prometheus-actions/stage';
import { type Document, LineCounter, parseDocument } from 'yaml';
import { allowances } from './allowances.ts';
import { type Diagnostic, didYouMean } from './diagnostics.ts';
import { otherReadings } from './pyyaml-scalars.ts';
import { RULES, type RuleCode, type Severity } from './rules.ts';
import { type KeyFix, keyEdits, type TextEdit } from './text-edits.ts';
import { unbounded } from './yaml-bounds.ts';
import { anchorFaults, mergeFaults, removeFaults, writtenAlong } from './yaml-nodes.ts';
import { explainSyntax, strayTab, unknownTags, wrongAlias } from './yaml-syntax.ts';

type KeyPath = readonly PropertyKey[];

/** A place in a YAML file: the value at a path, or its key. */
interface YamlPlace {
  path: KeyPath;
  key?: boolean;
}

/** A YAML file whose values know where they stand. */
export interface YamlFile {
  file: string;
  data: unknown;
  /** Its syntax is wrong: the data are what could be read all the same. */
  isBroken: boolean;
  /** A finding at the value at a path, or at its key. */
  diagnose: (at: YamlPlace, finding: Finding) => Diagnostic;
  /** For a file that other tools read too: values that they read otherwise. */
  otherReadings: () => Diagnostic[];
}

export interface Finding {
  /** Default: that of the rule. */
  severity?: Severity;
  code: RuleCode;
  message: string;
  hint?: string | undefined;
  /** What is to become of the key at the start of the path. */
  fix?: KeyFix;
}

/** What a finding says itself, or else its rule. */
export function severityOf({ severity, code }: Finding): Severity {
  return severity ?? RULES[code].severity;
}

/** Bytes of a file of settings: what is larger is something else. */
export const MOST_SETTINGS_BYTES = 4 << 20;

interface ReadingOptions {
  /** That its plain values are read by, where the file doesn't say itself; 1.2 by default. */
  version?: '1.1' | '1.2';
  /** Read a file with wrong syntax as far as that goes. */
  partly?: boolean;
}

/** The text of a file of settings; undefined where there is none that may be read. */
export function settingsText(file: string): string | undefined {
  try {
    const info = statFile(file);
    return info?.isFile() && info.size <= MOST_SETTINGS_BYTES ? readFile(file).toString() : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a YAML file; what is wrong with its syntax, or with reading it, is added to `diagnostics`. */
export function readYamlFile(
  file: string,
  diagnostics: Diagnostic[],
  options: ReadingOptions = {},
): YamlFile | undefined {
  try {
    const info = statFile(file);
    if (!info) throw Object.assign(new Error(), { code: 'ENOENT' });
    const message = info.isFile()
      ? info.size > MOST_SETTINGS_BYTES &&
        `${info.size} bytes: a file of settings has at most ${MOST_SETTINGS_BYTES}`
      : 'this is not a file';
    if (message) {
      diagnostics.push({ severity: 'error', code: 'bad-value', message, file, line: 1, column: 1 });
      return undefined;
    }
    const bytes = readFile(file);
    const fault = textFault(bytes);
    if (!fault) return parseYaml(file, bytes.toString(), diagnostics, options);
    const { problem, hint, line = 1 } = fault;
    diagnostics.push({ severity: 'error', code: 'bad-value', message: problem, hint, file, line, column: 1 });
  } catch (error) {
    if (error instanceof RefusedPath) {
      const { problem: message, hint } = error;
      diagnostics.push({
        severity: 'error',
        code: 'outside-workspace',
        message,
        hint,
        file,
        line: 1,
        column: 1,
      });
      return undefined;
    }
    const message = `the file can't be read: ${(error as NodeJS.ErrnoException).code}`;
    diagnostics.push({ severity: 'error', code: 'missing-file', message, file, line: 1, column: 1 });
  }
  return undefined;
}

/** The same for text that is read already; `file` is where it comes from. */
export function parseYaml(
  file: string,
  marked: string,
  diagnostics: Diagnostic[],
  { version = '1.2', partly = false }: ReadingOptions = {},
): YamlFile | undefined {
  // A byte order mark is no part of the first line, and places in messages are those that an editor shows.
  const text = withoutMark(marked);
  const message = unbounded(text);
  if (message !== undefined) {
    diagnostics.push({ severity: 'error', code: 'bad-value', message, file, line: 1, column: 1 });
    return undefined;
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version, merge: true, ...QUIET });
  const allowed = allowances(text);
  const diagnose = ([start, end]: readonly [number, number], finding: Finding): Diagnostic => {
    const { code, message, hint } = finding;
    const severity = severityOf(finding);
    const { line, col } = lineCounter.linePos(start);
    const place = { line: Math.max(line, 1), column: Math.max(col, 1) };
    const found = /^[^\r\n]*/.exec(text.slice(start, end))?.[0].trimEnd() ?? '';
    const reason = severity === 'warning' ? allowed(code, place.line) : undefined;
    const words = reason === undefined ? hint : `Allowed here: ${reason}`;
    return {
      severity: reason === undefined ? severity : 'notice',
      code,
      message: visibleText(message),
      hint: words === undefined ? undefined : visibleText(words),
      file,
      ...place,
      endColumn: found === '' ? undefined : place.column + found.length,
    };
  };
  const found = explainSyntax(document.errors, text);
  const alias = wrongAlias(document);
  found.push(...(alias ? [alias] : mergeFaults(document)));
  found.push(...anchorFaults(document), ...unknownTags(document.warnings, text));
  for (const { offset, finding } of found) diagnostics.push(diagnose([offset, offset], finding));
  // Keys that stand twice don't keep the rest from being checked.
  const isBroken = found.some(({ finding }) => finding.code !== 'duplicate-key');
  if (isBroken && !partly) return undefined;
  if (isBroken) removeFaults(document);
  // Read all the same, for what else is wrong in the file.
  const tab = isBroken ? undefined : strayTab(text);
  if (tab) diagnostics.push(diagnose([tab.offset, tab.offset], tab.finding));
  const diagnoseAt: YamlFile['diagnose'] = ({ path, key }, finding) => ({
    ...diagnose(rangeOf(document, path, key ?? false), finding),
    fix:
      finding.fix &&
      shifted(keyEdits(document, text, String(path[0]), finding.fix), marked.length - text.length),
  });
  const others = () =>
    otherReadings(document).map(({ offset, end, finding }) => diagnose([offset, end], finding));
  try {
    const data: unknown = document.toJS({ maxAliasCount: 100 });
    return { file, data, isBroken, diagnose: diagnoseAt, otherReadings: others };
  } catch {
    if (isBroken) return undefined;
    const message = 'aliases (*name) repeat so much that the file would not fit into memory';
    diagnostics.push(diagnose([0, 0], { code: 'yaml-syntax', message, hint: 'Write it without them.' }));
    return undefined;
  }
}

/** The parser prints nothing itself: what is wrong with a key that is a list, the check of its file says. */
const QUIET = { logLevel: 'error' } as const;

/** Start and end of the value at a path, or of its key; of the nearest value above it, without an end, where it isn't there. */
function rangeOf(document: Document, path: KeyPath, key: boolean): readonly [number, number] {
  const steps = writtenAlong(document, path);
  const last = steps.at(-1);
  const isThere = steps.length === path.length;
  const keyRange = key || !isThere ? last?.key?.range : undefined;
  if (keyRange) return [keyRange[0], keyRange[1]];
  const range = (last ? (last.value ?? last.key) : document.contents)?.range;
  return range ? [range[0], isThere ? range[1] : range[0]] : [0, 0];
}

function shifted(edits: TextEdit[] | undefined, by: number): TextEdit[] | undefined {
  return edits?.map(({ start, end, text }) => ({ start: start + by, end: end + by, text }));
}

/**
 * The finding for a file or folder that is named somewhere and isn't there.
 *
 * A recipe is also checked where it does not run. What it names by an absolute path may be on the other machine: that is
 * a warning, and the stage that reads it says the same before it starts.
 *
 * @param name as it is written
 */
export function missingFile(name: string, absolute: string): Finding {
  const refusal = refusalOf(absolute);
  if (refusal) {
    const { problem, hint } = refusal;
    const isElsewhere = path.isAbsolute(name) && enclosureOf(absolute) === 'outside';
    if (!isElsewhere) return { code: 'outside-workspace', message: problem, hint };
    const message = `${name} is outside of the workspace, and was not looked at`;
    return { severity: 'notice', code: 'outside-workspace', message, hint: ELSEWHERE };
  }
  if (!path.isAbsolute(name)) {
    const hint = didYouMean(path.basename(absolute), siblingNames(absolute));
    return { code: 'missing-file', message: `there is no file ${absolute}`, hint };
  }
  const message = `there is no file ${absolute} on this machine`;
  return {
    severity: 'warning',
    code: 'missing-file',
    message,
    hint: ELSEWHERE,
  };
}

const ELSEWHERE = 'It must be there where the recipe runs.';
