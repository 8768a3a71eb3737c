/** Controls, line separators, lone surrogates, and what reorders or hides other characters (bidi marks, zero width). */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT_FORMS: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Characters of one text that are shown. */
const MOST = 2000;

/**
 * Text with parts that others wrote, fit for a terminal, an annotation or a report: each character that can't be seen is
 * written as its code (`\u{202e}`), so that it neither drives a terminal nor shows something else than is there. Of more
 * than 2,000 characters the middle is left out.
 */
export function visibleText(text: string): string {
  return shortened(text).replaceAll(
    UNSEEN,
    (character) => SHORT_FORMS[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** The same for a line of a file with a caret under it: one column for each character, a replacement for the unseen. */
export function visibleColumns(line: string): string {
  return line.replaceAll('\t', ' ').replaceAll(UNSEEN, '\u{FFFD}');
}

function shortened(text: string): string {
  if (text.length <= MOST) return text;
  const half = MOST / 2;
  return `${text.slice(0, half)} … (${text.length - MOST} characters left out) … ${text.slice(-half)}`;
}
