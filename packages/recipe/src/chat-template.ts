import { Template } from '@huggingface/jinja';
import type { TrainingSection } from './training-schema.ts';
import type { Report } from './training-together.ts';

/** What the original's templates write before an answer; looked for where a recipe names nothing else. */
const ORIGINAL_MARKER = '[/INST]';
/** transformers' marks round what is learnt, with the variants that trim white space. */
const GENERATION_MARKS = /\{%-?\s*generation\s*-?%\}/;

const PROMPT = 'A text that the user wrote.';
const ANSWER = 'A text that the assistant wrote.';

/**
 * Checks that the answer of a conversation can be told from its prompt, as the trainer's `tokenisation.py` tells them:
 * by `response_marker`, by generation marks, or by `[/INST]`. Nothing is said of a tokenizer's own template.
 */
export function checkChatTemplate(
  { chatTemplate, responseMarker }: Pick<TrainingSection, 'chatTemplate' | 'responseMarker'>,
  report: Report,
): void {
  if (chatTemplate === undefined) return;
  const isMarked = responseMarker === undefined && GENERATION_MARKS.test(chatTemplate);
  const marker = responseMarker ?? ORIGINAL_MARKER;
  if (responseMarker === undefined && !isMarked && !chatTemplate.includes(ORIGINAL_MARKER)) {
    const message = `chat_template has neither generation marks nor ${ORIGINAL_MARKER}: what is the answer can't be told`;
    const hint =
      'Name what the template writes before an answer as response_marker, or put {% generation %} and {% endgeneration %} round the answer.';
    report('chat_template', { code: 'chat-template', message, hint });
    return;
  }
  const rendered = render(chatTemplate);
  if ('problem' in rendered) {
    const message = `chat_template is not understood: ${rendered.problem}`;
    const hint = 'Is it Jinja? transformers has the last word on it when training starts.';
    report('chat_template', { severity: 'warning', code: 'chat-template', message, hint });
    return;
  }
  const { text } = rendered;
  const answerAt = text.lastIndexOf(ANSWER);
  if (answerAt < 0 || !text.includes(PROMPT)) {
    const message = `chat_template leaves the ${answerAt < 0 ? 'answer' : 'prompt'} out of a conversation of one of each`;
    report('chat_template', { code: 'chat-template', message, hint: `It writes ${JSON.stringify(text)}.` });
    return;
  }
  if (isMarked) return;
  const markerAt = text.lastIndexOf(marker, answerAt);
  if (markerAt >= text.indexOf(PROMPT)) return;
  const message = `chat_template does not write ${JSON.stringify(marker)} between prompt and answer, behind which is learnt`;
  const key = responseMarker === undefined ? 'chat_template' : 'response_marker';
  report(key, { code: 'chat-template', message, hint: `It writes ${JSON.stringify(text)}.` });
}

/** A conversation of one prompt and one answer, as the template writes it. */
function render(template: string): { text: string } | { problem: string } {
  try {
    const messages = [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: ANSWER },
    ];
    const text = new Template(template).render({
      messages,
      bos_token: '<s>',
      eos_token: '</s>',
      add_generation_prompt: false,
    });
    return { text };
  } catch (error) {
    return { problem: (error as Error).message.split('\n')[0] ?? '' };
  }
}
