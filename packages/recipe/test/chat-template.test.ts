import { expect, it } from 'vitest';
import { checkChatTemplate } from '../src/chat-template.ts';

const found = (chatTemplate: string, responseMarker?: string) => {
  const messages: string[] = [];
  checkChatTemplate({ chatTemplate, responseMarker }, (key, { message }) => {
    messages.push(`${key}: ${message}`);
  });
  return messages;
};

const turn = (answer: string) =>
  `{% for m in messages %}{{ '<|' + m.role + '|>\n' }}{% if m.role == 'assistant' %}${answer}{% else %}{{ m.content }}{% endif %}{% endfor %}`;

it.each([
  ['round the answer', turn('{% generation %}{{ m.content }}</s>{% endgeneration %}')],
  ['that trim', turn(' {%- generation -%}\n {{ m.content }} {%- endgeneration -%} ')],
  [
    'in a macro',
    `{% macro said(m) %}{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}${turn('{{ said(m) }}')}`,
  ],
])('takes generation marks %s', (_, template) => {
  expect(found(template)).toEqual([]);
});

it.each([
  ['the end alone', turn('{{ m.content }}{% generation %}</s>{% endgeneration %}')],
  [
    'the prompt',
    "{% for m in messages %}{% if m.role == 'user' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
  ],
])('refuses generation marks round %s', (_, template) => {
  expect(found(template)).toEqual([
    'chat_template: chat_template has generation marks, but not round the answer',
  ]);
});

it('takes a marker before the first place of the answer only, as the trainer does', () => {
  const template = turn('{{ m.content }}');
  expect(found(template, '<|assistant|>')).toEqual([]);
  expect(found(`${template} Again: {{ messages[1].content }}`, '<|assistant|>')).toEqual([]);
  expect(found(`${template} Again: {{ messages[1].content }}`, 'Again:')).toHaveLength(1);
  expect(found(`{{ messages[1].content }}${template}`, '<|assistant|>')).toEqual([
    'chat_template: chat_template writes the answer before the prompt',
  ]);
});
