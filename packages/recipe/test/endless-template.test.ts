import { expect, it } from 'vitest';
import { checkChatTemplate } from '../src/chat-template.ts';

const found = (chatTemplate: string) => {
  const messages: string[] = [];
  checkChatTemplate(
    { chatTemplate, responseMarker: undefined },
    (_key, { message }) => messages.push(message) as never,
  );
  return messages.join();
};
const loop = (text: string) => `{% for i in range(100000) %}${text}{% endfor %}`;

it.each([
  ['loops in loops', loop(loop(loop('x'))), /timed out/],
  ['a long range', '{% for i in range(1000000000) %}{% endfor %}', /timed out|array length/],
])('a template with %s is given up in seconds', (_, template, problem) => {
  const started = Date.now();
  expect(found(template)).toMatch(problem);
  expect(Date.now() - started).toBeLessThan(20_000);
});

it('a template reaches nothing but what it is given', () => {
  for (const expression of [
    "''.constructor.constructor('return process')()",
    'messages.constructor',
    'process',
    'range.constructor',
  ])
    expect(found(`{{ ${expression} }}`)).not.toMatch(/\[object process\]|native code/);
});
