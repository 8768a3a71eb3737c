import { printable, type StageWarnings } from '@prometheus-actions/stage';
import { markdown } from './markdown-text.ts';

/** `2 warnings`: how many are listed, and how many more there were. */
export function warningsTitle(groups: readonly Omit<StageWarnings, 'title'>[]): string {
  const number = groups.reduce((sum, { entries, leftOut }) => sum + entries.length + leftOut, 0);
  return `${number.toLocaleString('en-US')} warning${number === 1 ? '' : 's'}`;
}

/** All warnings of a command, for its end; empty where there were none. */
export function warningsText(groups: readonly StageWarnings[]): string {
  if (groups.length === 0) return '';
  const lines = groups.flatMap(({ title, entries, leftOut }) => [
    ...entries.map(
      (entry) => `${beginning(title, entry.text)}${printable(counted(entry)).replaceAll('\n', '\n    ')}`,
    ),
    ...(leftOut > 0 ? [`${beginning(title, '')}${moreOf(leftOut)}`] : []),
  ]);
  return [warningsTitle(groups), ...lines.map((line) => `  ${line}`)].join('\n');
}

/** The same as Markdown, for the end of a job summary. */
export function warningsMarkdown(groups: readonly StageWarnings[]): string {
  if (groups.length === 0) return '';
  const lines = groups.flatMap(({ title, entries, leftOut }) => {
    const head = (text: string) => (beginning(title, text) === '' ? '' : `**${markdown(title ?? '')}:** `);
    return [
      ...entries.map((entry) => `- ${head(entry.text)}${markdown(counted(entry))}`),
      ...(leftOut > 0 ? [`- ${head('')}${moreOf(leftOut)}`] : []),
    ];
  });
  return `### ${warningsTitle(groups)}\n\n${lines.join('\n')}\n`;
}

/** The same as JSON; `stage` is null for warnings that belong to none. */
export function warningsJson(groups: readonly StageWarnings[]) {
  return groups.map(({ title, entries, leftOut }) => ({
    stage: title ?? null,
    warnings: entries.map(counted),
    left_out: leftOut,
  }));
}

/** A text that names its stage itself needs no second name. */
function beginning(title: string | undefined, text: string): string {
  return title === undefined || text.startsWith(`${title}: `) ? '' : `${title}: `;
}

function counted({ text, times }: StageWarnings['entries'][number]): string {
  return times > 1 ? `${text} (${times} times)` : text;
}

function moreOf(number: number): string {
  return `${number.toLocaleString('en-US')} more, which are in its log`;
}
