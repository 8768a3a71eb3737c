import type { z } from 'zod';

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  integer: 'a whole number',
  number: 'a number',
  object: 'keys and values',
  record: 'keys and values',
  string: 'a text',
};

/** Texts that other readers of YAML take for something else. */
const MEANT: readonly (readonly [text: RegExp, type: string, written: string])[] = [
  [/^(yes|on|y)$/i, 'boolean', 'true'],
  [/^(no|off|n)$/i, 'boolean', 'false'],
  [/^none$/i, 'null', 'null'],
];

/** Characters of a value that a message shows. */
const SHOWN = 60;

/** `expected a number, found the text "two"`, for the JSON types that a value may have. */
export function expectedType(types: readonly string[], value: unknown): string {
  const names = types.filter((type) => type !== 'null').map((type) => TYPE_NAMES[type] ?? type);
  return `expected ${names.join(' or ')}, found ${found(value)}`;
}

/** A value as a message shows it. */
function found(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  const short = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  if (typeof value === 'string') return `the text ${short}`;
  if (Array.isArray(value)) return `the list ${short}`;
  return typeof value === 'object' ? `the keys and values ${short}` : short;
}

/** Whether a value is of one of these JSON types. */
export function hasType(value: unknown, types: readonly string[]): boolean {
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (type !== 'number') return types.includes(type);
  if (!Number.isFinite(value)) return false;
  return types.includes('number') || (types.includes('integer') && Number.isInteger(value));
}

/** What to write for a text that was meant as another type: `yes`, `None`, a number in quotes, one name of a list. */
export function unquoted(value: unknown, types: readonly string[]): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, , written] = MEANT.find(([text, type]) => text.test(value) && types.includes(type)) ?? [];
  if (written) return `Write ${written}.`;
  if (types.includes('array') && value.trim() !== '') return `Write a list: [${listed(value)}].`;
  const isNumber = value.trim() !== '' && Number.isFinite(Number(value));
  return isNumber && hasType(Number(value), types) ? 'Leave the quotes out.' : undefined;
}

/** The names in a text, as a list in brackets has them. */
function listed(text: string): string {
  const names = text.split(/[\s,]+/).filter(Boolean);
  return names.every((name) => /^[\w./-]+$/.test(name)) ? names.join(', ') : JSON.stringify(text);
}

/** What an issue of zod says, where the schema does not say it itself. */
export function issueWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return expectedType([issue.expected], issue.input);
    case 'invalid_value':
      return `expected ${issue.values
        .map(String)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1')}, found ${found(issue.input)}`;
    case 'too_small':
      return limitWords(
        issue.origin,
        issue.inclusive ? 'at least' : 'above',
        Number(issue.minimum),
        issue.input,
      );
    case 'too_big':
      return limitWords(
        issue.origin,
        issue.inclusive ? 'at most' : 'below',
        Number(issue.maximum),
        issue.input,
      );
    default:
      return undefined;
  }
}

function limitWords(origin: string, limit: string, bound: number, input: unknown): string {
  if (origin === 'string') return `expected a text, found ${found(input)}`;
  if (origin === 'array')
    return `expected ${limit} ${bound} ${bound === 1 ? 'entry' : 'entries'}, found ${found(input)}`;
  return `expected a number ${limit === 'at least' || limit === 'at most' ? `of ${limit}` : limit} ${bound}, found ${found(input)}`;
}
