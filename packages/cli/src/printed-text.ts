import { printable, withoutCommands } from '@prometheus-actions/stage';

/** Text with parts that others wrote, as it is printed: it drives no terminal, and in a step of a workflow no runner. */
export function printedText(text: string): string {
  return process.env.GITHUB_ACTIONS === 'true' ? withoutCommands(printable(text)) : printable(text);
}

/** A value as JSON of several lines; the same holds for it, and every reader of JSON gets the value as it is. */
export function printedJson(value: unknown): string {
  return safeJson(JSON.stringify(value, null, 2));
}

/** JSON text in which what {@link printedText} takes away is written as an escape. */
export function safeJson(json: string): string {
  return json
    .replace(/[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, escape)
    .replace(/#(\p{DI}*)#(?=\p{DI}*\[)/gu, '#$1\\u0023');
}

function escape(characters: string): string {
  return characters
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
