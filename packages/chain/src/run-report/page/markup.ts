import { visibleText } from '@prometheus-actions/stage';

/** HTML that is safe to stand in a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | false | null | undefined | readonly Content[];

/** A template of HTML: whatever is put in is text, and escaped, unless it was made by such a template itself. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(
    strings.reduce((all, string, index) => all + rendered(values[index - 1] as Content) + string),
  );
}

function rendered(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (content === undefined || content === null || content === false) return '';
  if (typeof content === 'object') return content.map(rendered).join('');
  return visibleText(String(content)).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
