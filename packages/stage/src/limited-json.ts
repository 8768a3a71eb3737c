/** Bytes of a file of JSON: the largest that models have, their tokenizers, have a quarter of that. */
export const MOST_JSON_BYTES = 128 << 20;
/** Levels of lists and objects: a tokenizer.json has 8. What reads the value may recurse. */
const MOST_DEPTH = 64;
/** The largest vocabulary that is published, 900,000 pieces with a score each, has 2.7 million values. */
const MOST_VALUES = 6_000_000;

/**
 * The value of a JSON text that a stranger may have written: in a small file there is room for many more values, and deeper
 * ones, than a model's settings have.
 *
 * @param bytes of the text, in UTF-8
 * @throws SyntaxError for what is no JSON, RangeError for what has too many values or too deep ones
 */
export function parseLimitedJson(bytes: Buffer, text = bytes.toString()): unknown {
  if (valuesIn(bytes) > MOST_VALUES)
    throw new RangeError('the file has more values than any that is read here');
  const value: unknown = JSON.parse(text);
  if (isDeeper(value, MOST_DEPTH))
    throw new RangeError(`its lists and objects are more than ${MOST_DEPTH} deep`);
  return value;
}

/** As many as brackets and commas begin. Those within texts count too: of a limit that is exact enough. */
function valuesIn(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count += 1;
  return count;
}

/** Level by level: no depth is too much for it. */
function isDeeper(value: unknown, limit: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; depth < limit && level.length > 0; depth += 1) {
    const next: object[] = [];
    for (const outer of level)
      for (const inner of Object.values(outer)) if (isContainer(inner)) next.push(inner);
    level = next;
  }
  return level.length > 0;
}

function isContainer(value: unknown): value is object {
  return value !== null && typeof value === 'object';
}
