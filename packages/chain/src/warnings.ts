import { markdown, printable, type StageWarnings } from '@prometheus-actions/stage';

/** `2 warnings`. */
export function warningsTitle(number: number): string {
  return `${number.toLocaleString('en-US')} warning${number === 1 ? '' : 's'}`;
}

/** In place of those that a manifest does not list. */
export function moreWarnings(number: number): string {
  return `${number.toLocaleString('en-US')} more, shown while it ran`;
}

/** All warnings of a command, for its end; empty where there were none. */
export function warningsText(groups: readonly StageWarnings[]): string {
  if (groups.length === 0) return '';
  const lines = groups.flatMap(({ title, entries, leftOut }) => [
    ...entries.map(
      (entry) => `${titleBefore(title, entry.text)}${printable(counted(entry)).replaceAll('\n', '\n    ')}`,
    ),
    ...(leftOut > 0 ? [`${titleBefore(title, '')}${moreWarnings(leftOut)}`] : []),
  ]);
  return [warningsTitle(numberOf(groups)), ...lines.map((line) => `  ${line}`)].join('\n');
}

/** The same as Markdown, for the end of a job summary. */
export function warningsMarkdown(groups: readonly StageWarnings[]): string {
  if (groups.length === 0) return '';
  const lines = groups.flatMap(({ title, entries, leftOut }) => {
    const head = (text: string) => (titleBefore(title, text) === '' ? '' : `**${markdown(title ?? '')}:** `);
    return [
      ...entries.map((entry) => `- ${head(entry.text)}${markdown(onOneLine(counted(entry)))}`),
      ...(leftOut > 0 ? [`- ${head('')}${moreWarnings(leftOut)}`] : []),
    ];
  });
  return `### ${warningsTitle(numberOf(groups))}\n\n${lines.join('\n')}\n`;
}

/** The same as JSON; `stage` is null for warnings that belong to none. */
export function warningsJson(groups: readonly StageWarnings[]) {
  return groups.map(({ title, entries, leftOut }) => ({
    stage: title ?? null,
    warnings: entries.map(counted),
    left_out: leftOut,
  }));
}

/** The title before a warning that is told away from its stage; a text that names its stage itself needs no second name. */
export function titleBefore(title: string | undefined, text: string): string {
  return title === undefined || text.startsWith(`${title}: `) ? '' : `${title}: `;
}

function counted({ text, times }: StageWarnings['entries'][number]): string {
  return times > 1 ? `${text} (${times} times)` : text;
}

/** A list's item is one line. */
export function onOneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

function numberOf(groups: readonly StageWarnings[]): number {
  return groups.reduce((sum, { entries, leftOut }) => sum + entries.length + leftOut, 0);
}
