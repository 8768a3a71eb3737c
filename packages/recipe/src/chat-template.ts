import { Template } from '@huggingface/jinja';
import type { TrainingSection } from './training-schema.ts';
import type { Report } from './training-together.ts';
import { withinTime } from './within-time.ts';

/** What the original's templates write before an answer; looked for where a recipe names nothing else. */
const ORIGINAL_MARKER = '[/INST]';
/** transformers' marks round what is learnt, with the variants that trim white space. */
const GENERATION_MARKS = /\{%-?\s*generation\s*-?%\}/;

const PROMPT = 'A text that the user wrote.';
const ANSWER = 'A text that the assistant wrote.';

/**
 * Checks that the answer of a conversation can be told from its prompt, as the trainer's `tokenisation.py` tells them:
 * by `response_marker`, by generation marks, by `[/INST]`, or by what it writes between them. Nothing is said of a
 * tokenizer's own template.
 */
export function checkChatTemplate(
  { chatTemplate, responseMarker }: Pick<TrainingSection, 'chatTemplate' | 'responseMarker'>,
  report: Report,
): void {
  if (chatTemplate === undefined) return;
  const rendered = render(chatTemplate);
  if ('problem' in rendered) {
    const message = `chat_template is not understood: ${rendered.problem}`;
    const hint = 'Is it Jinja? transformers has the last word on it when training starts.';
    report('chat_template', { severity: 'warning', code: 'chat-template', message, hint });
    return;
  }
  const { text } = rendered;
  const answerAt = text.indexOf(ANSWER);
  if (answerAt < 0 || !text.includes(PROMPT)) {
    const message = `chat_template leaves the ${answerAt < 0 ? 'answer' : 'prompt'} out of a conversation of one of each`;
    report('chat_template', { code: 'chat-template', message, hint: `It writes ${JSON.stringify(text)}.` });
    return;
  }
  if (responseMarker === undefined && GENERATION_MARKS.test(chatTemplate)) {
    checkMarks(chatTemplate, report);
    return;
  }
  const promptAt = text.lastIndexOf(PROMPT, answerAt);
  if (promptAt < 0) {
    const message = 'chat_template writes the answer before the prompt';
    report('chat_template', { code: 'chat-template', message, hint: `It writes ${JSON.stringify(text)}.` });
    return;
  }
  const between = text.slice(promptAt + PROMPT.length, answerAt);
  const marker = responseMarker ?? (chatTemplate.includes(ORIGINAL_MARKER) ? ORIGINAL_MARKER : undefined);
  if (marker === undefined ? between.trim() !== '' : between.includes(marker)) return;
  const hint = `Between prompt and answer it writes ${JSON.stringify(between)}.`;
  if (marker === undefined) {
    const message =
      'chat_template writes nothing between prompt and answer by which the answer could be told';
    const advice = 'Put {% generation %} and {% endgeneration %} round the answer.';
    report('chat_template', { code: 'chat-template', message, hint: `${hint} ${advice}` });
    return;
  }
  const message = `chat_template does not write ${JSON.stringify(marker)} between prompt and answer, behind which is learnt`;
  const key = responseMarker === undefined ? 'chat_template' : 'response_marker';
  report(key, { code: 'chat-template', message, hint });
}

/** What is between the marks is what is learnt: the answer must be there. */
function checkMarks(chatTemplate: string, report: Report): void {
  const rendered = render(withCharacters(chatTemplate));
  if ('problem' in rendered) return; // the same template without these characters was understood
  const marked = [...rendered.text.matchAll(new RegExp(`${BEGIN}(.*?)${END}`, 'gsu'))].map(
    ([, text]) => text,
  );
  if (marked.some((text) => text?.includes(ANSWER))) return;
  const message = 'chat_template has generation marks, but not round the answer';
  const hint = `Between its marks it writes ${JSON.stringify(marked.join(''))}. Put {% generation %} and {% endgeneration %} round the answer.`;
  report('chat_template', { code: 'chat-template', message, hint });
}

/** Characters that stand for nothing in Unicode. */
const [BEGIN, END] = ['\uFDD0', '\uFDD1'];

/** The template with a character written at each mark, as the trainer's `answer_spans.py` does. */
function withCharacters(template: string): string {
  return template.replaceAll(
    /\{%(-?)\s*(end)?generation\s*(-?)%\}/g,
    (_, left: string, end: string | undefined, right: string) =>
      end
        ? `{%${left} endif %}{{ '${END}' }}{% if true %}{% endif ${right}%}`
        : `{%${left} if true %}{{ '${BEGIN}' }}{% if true %}{% endif ${right}%}`,
  );
}

/** A conversation of one prompt and one answer, as the template writes it. */
function render(template: string): { text: string } | { problem: string } {
  try {
    const messages = [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: ANSWER },
    ];
    const variables = { messages, bos_token: '<s>', eos_token: '</s>', add_generation_prompt: false };
    const text = withinTime(() => new Template(template).render(variables));
    return { text };
  } catch (error) {
    return { problem: (error as Error).message.split('\n')[0] ?? '' };
  }
}
