import type { JsonCursor } from './json-string.ts';
import { Byte, closingQuote, skipSpace } from './sources/json-row-scanner.ts';

/**
 * A key that an object within a column of a row has twice, of which a parser keeps the last without a word; undefined
 * where there is none. Keys are compared by what they say, however they are escaped.
 *
 * @param json valid text of a row
 * @returns also the bytes of the row before the second one
 */
export function repeatedKey(
  { bytes, at, end }: JsonCursor,
  column: string,
): { key: string; at: number } | undefined {
  /** Keys of the objects that are open, the row first; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let isInColumn = false;
  for (let next = at; next < end; next++) {
    const byte = bytes[next];
    if (byte === Byte.openBrace) open.push(new Set());
    else if (byte === Byte.openBracket) open.push(undefined);
    else if (byte === Byte.closeBrace || byte === Byte.closeBracket) open.pop();
    else if (byte === Byte.quote) {
      const close = closingQuote(bytes, next + 1);
      const keys = open.at(-1);
      if (keys && bytes[skipSpace(bytes, close + 1)] === Byte.colon) {
        const key = JSON.parse(bytes.toString('utf8', next, close + 1)) as string;
        if (open.length === 1) isInColumn = key === column;
        else if (isInColumn && keys.has(key)) return { key, at: next - at };
        else keys.add(key);
      }
      next = close;
    }
  }
  return undefined;
}
