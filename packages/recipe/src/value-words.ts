import { visibleText } from '@prometheus-actions/stage';

/** Characters of a text that are shown of a value; of a longer one it is only said that it changed. */
const MOST = 60;

/** A value of a recipe, as people write it: `2e-5`, `4,096`, `true`, `[a, b]`; undefined where it is too long for that. */
export function valueWords(value: unknown): string | undefined {
  if (value === undefined) return 'not set';
  if (typeof value === 'number') return numberWords(value);
  if (typeof value === 'string')
    return value.length > MOST || /\n/.test(value) ? undefined : textWords(value);
  if (value === null || typeof value !== 'object') return String(value);
  const inner = Array.isArray(value)
    ? value.map(valueWords)
    : Object.entries(value).map(([key, entry]) => {
        const words = valueWords(entry);
        return words && `${visibleText(key)}: ${words}`;
      });
  const words = inner.includes(undefined) ? undefined : inner.join(', ');
  if (words === undefined || words.length > MOST) return undefined;
  return Array.isArray(value) ? `[${words}]` : `{${words}}`;
}

/** `0.0015`, `2e-5`, `100,000`: the shortest decimal that is the number, with an exponent where there would be many zeros. */
function numberWords(value: number): string {
  if (Number.isSafeInteger(value)) return value.toLocaleString('en-US');
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e15 ? value.toExponential() : String(value);
}

function textWords(text: string): string {
  return text === '' ? 'empty' : visibleText(text);
}
