import { type Document, isMap, isScalar, type Node, type Pair, stringify } from 'yaml';
import { isRepeated } from './yaml-nodes.ts';

/** Replaces the text from `start` to `end`, offsets in UTF-16 code units as JavaScript's strings have them. */
export interface TextEdit {
  start: number;
  end: number;
  text: string;
}

/** What is to become of a key at the top of a file, and of its value. */
export type KeyFix = { key: string; value?: unknown } | 'remove';

/**
 * The edits that change one key of a file's top mapping and leave every other character, comments too, as it is.
 *
 * @returns `undefined` where the mapping is written with braces and the key is to be removed: its commas are not ours;
 *   where the key comes from a mapping that is merged in; and where an alias repeats the value that would change
 */
export function keyEdits(document: Document, text: string, key: string, fix: KeyFix): TextEdit[] | undefined {
  const map = document.contents;
  if (!isMap(map)) return undefined;
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  const keyRange = (pair?.key as Node | undefined)?.range;
  if (!pair || !keyRange) return undefined;
  const changesValue = fix === 'remove' || 'value' in fix;
  if (changesValue && isRepeated(document, pair.value as Node | null)) return undefined;
  if (fix === 'remove') return map.flow ? undefined : [{ ...linesOf(pair, text, keyRange[0]), text: '' }];
  const edits = [{ start: keyRange[0], end: keyRange[1], text: fix.key }];
  const valueRange = (pair.value as Node | null)?.range;
  if ('value' in fix) {
    if (!valueRange) return undefined;
    edits.push({ start: valueRange[0], end: valueRange[1], text: inline(fix.value) });
  }
  return edits;
}

/** The text with all edits made; of edits that overlap, the first. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let result = '';
  let at = 0;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}

/** The whole lines of a pair of a block mapping, with the comment behind its value. */
function linesOf(pair: Pair, text: string, keyStart: number): { start: number; end: number } {
  const start = text.lastIndexOf('\n', keyStart - 1) + 1;
  const [, valueEnd, nodeEnd] = (pair.value as Node | null)?.range ?? [0, text.indexOf(':', keyStart) + 1];
  // A block value ends behind its last line break, and comments that follow it belong to what comes next.
  if (valueEnd > keyStart && text[valueEnd - 1] === '\n') return { start, end: valueEnd };
  const lineBreak = text.indexOf('\n', Math.min(valueEnd, nodeEnd ?? valueEnd));
  return { start, end: lineBreak < 0 ? text.length : lineBreak + 1 };
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}
