/**
 * Lines, colons and commas of a file of settings. The parser compares each key of a mapping with all others, and makes a text
 * of each key that is itself a mapping: far more or deeper ones than any settings have would take minutes.
 */
const MOST_SEPARATORS = 10_000;
const MOST_DEPTH = 50;

/** What goes deep without brackets: `- - - -`, `? ? ?`, marks one after the other, and indentation. */
const DEEP = new RegExp(
  `^ *(?:[-?] +){${MOST_DEPTH}}|(?:[&!]\\S* +){${MOST_DEPTH}}|^ {${4 * MOST_DEPTH}}`,
  'm',
);

/** Why a text is no file of settings, whatever it says; undefined for any that may be parsed. */
export function unbounded(text: string): string | undefined {
  let separators = 0;
  let depth = 0;
  for (const character of text) {
    if (character === '\n' || character === ',' || character === ':') separators += 1;
    else if (character === '[' || character === '{') depth += 1;
    else if ((character === ']' || character === '}') && depth > 0) depth -= 1;
    if (separators > MOST_SEPARATORS)
      return `the file has more than ${MOST_SEPARATORS} lines, colons and commas: that is no file of settings`;
    if (depth > MOST_DEPTH) return tooDeep();
  }
  return DEEP.test(text) ? tooDeep() : undefined;
}

function tooDeep(): string {
  return `the file has values in values more than ${MOST_DEPTH} deep: that is no file of settings`;
}
