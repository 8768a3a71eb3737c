import { ConfigurationError } from '@prometheus-actions/stage/errors';
import type { Column } from './column-table.ts';
import type { JsonCursor } from './json-string.ts';
import { type Message, messagesProblem } from './messages.ts';
import { repeatedKey } from './repeated-key.ts';
import type { RowIndex } from './row-index.ts';

/** A cell as Arrow takes it: int64 as bigint, float64 as number; messages as they stand in the row. */
export type Cell = string | number | bigint | boolean | null | Message[];

/**
 * Cells of a row, in the order of the columns.
 *
 * @param json its text
 * @throws ConfigurationError with file, row and byte offset, for text that JSON or UTF-8 does not allow
 */
export function decodeRow(
  json: JsonCursor,
  row: number,
  index: RowIndex,
  columns: readonly Column[],
): Cell[] {
  const text = json.bytes.toString('utf8', json.at, json.end);
  let object = parseRow(text, row, index);
  if (needsExactIntegers(object, columns)) object = parseExactIntegers(text);
  return columns.map(({ name, type }) => {
    const value = object[name];
    if (type === 'messages') return checkedMessages(value, { name, json, row, index });
    switch (typeof value) {
      case 'string':
        if (!value.isWellFormed()) throw loneSurrogate(name, row, index);
        return value;
      case 'number':
        // An int64 that float64 holds exactly; -0 is the integer 0.
        return type === 'int64' ? BigInt(value) : value;
      case 'bigint':
        return type === 'int64' ? value : Number(value);
      case 'boolean':
        return value;
      default:
        // Null, a missing key, or what a missing key inherits, as "constructor".
        return null;
    }
  });
}

function parseRow(text: string, row: number, index: RowIndex): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    const { message } = error as SyntaxError;
    const character = Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
    throw faultAt(
      row,
      index,
      Buffer.byteLength(text.slice(0, character)),
      message.replace(/ at position.*$/s, ''),
      {
        hint: 'Correct the text there: control characters and backslashes in it must be escaped.',
      },
    );
  }
}

function needsExactIntegers(object: Record<string, unknown>, columns: readonly Column[]): boolean {
  for (const { name, type } of columns) {
    if (type !== 'int64') continue;
    const value = object[name];
    if (typeof value === 'number' && !Number.isSafeInteger(value)) return true;
  }
  return false;
}

/** Integers as bigint, from their digits: `JSON.parse` alone rounds those above 2^53. */
function parseExactIntegers(text: string): Record<string, unknown> {
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && context?.source && /^-?\d+$/.test(context.source)
      ? BigInt(context.source)
      : value;
  return JSON.parse(text, reviver) as Record<string, unknown>;
}

function checkedMessages(
  value: unknown,
  { name, json, row, index }: { name: string; json: JsonCursor; row: number; index: RowIndex },
): Message[] {
  const repeated = repeatedKey(json, name);
  if (repeated) {
    const problem = `column "${name}": key "${repeated.key}" stands twice in a message`;
    throw faultAt(row, index, repeated.at, problem, { hint: 'Keep one of the two.' });
  }
  const found = messagesProblem(value);
  if (found === undefined) return value as Message[];
  throw faultAt(row, index, 0, `column "${name}": ${found.problem}`, { hint: found.hint });
}

function loneSurrogate(name: string, row: number, index: RowIndex): ConfigurationError {
  return faultAt(
    row,
    index,
    0,
    `column "${name}" holds half of a surrogate pair (\\ud800 to \\udfff alone)`,
    {
      hint: 'Such text has no UTF-8 form: replace the escape, or write both halves.',
    },
  );
}

function faultAt(
  row: number,
  index: RowIndex,
  at: number,
  problem: string,
  { hint }: { hint: string },
): ConfigurationError {
  const { path, where } = index.describe(row, at);
  return new ConfigurationError(`${where}: ${problem}`, { hint, place: { file: path } });
}
