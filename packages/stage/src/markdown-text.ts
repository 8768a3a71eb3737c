import { visibleText } from './visible-text.ts';

/** Of no width. GitHub reads entities before it looks for names and addresses, so writing `@` as one is not enough. */
const GAP = '&#8203;';

/**
 * What means something to Markdown, to HTML, or to GitHub, which notifies `@people`, refers to `#1`, `GH-1`,
 * `JIRA-1`, `CVE-…`, and commits, draws `:tada:`, and links addresses (https://github.github.com/gfm/#autolinks-extension-,
 * https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls).
 */
const SPECIAL =
  /(?<![0-9a-z])(?=[0-9]*[a-f])[0-9a-f]{7,40}(?![0-9a-z])|:(?=\/\/|(?:[a-z+-][\w+-]*|100|1234):)|(?<![0-9a-z])(?:[a-z]+-(?=\d+(?![0-9a-z]))|ghsa-|www(?=\.))|[&<>|`*_~[\]\\@#$]/gi;

/** Text of others as GitHub shows it just as it is, in a table cell too: it notifies nobody, refers to nothing, links nowhere. */
export function markdown(text: string): string {
  return visibleText(text).replaceAll(SPECIAL, (found) => {
    if (/^(?::|[a-z]+-|www)$/i.test(found)) return `${found}${GAP}`;
    if (found.length > 1) return `<code>${found}</code>`;
    const entity = `&#${found.charCodeAt(0)};`;
    return found === '@' || found === '#' ? `${entity}${GAP}` : entity;
  });
}
