import { visibleText } from '@prometheus-actions/stage';

/** Text that Markdown takes as it is, in a table, too. */
export function markdown(text: string): string {
  return visibleText(text).replaceAll(/[&<>|`*_~[\]\\@#$]/g, (character) => `&#${character.charCodeAt(0)};`);
}
