import { expect, it } from 'vitest';
import { visibleColumns, visibleText } from '../src/index.ts';

it.each([
  ['letters of any script', 'gewöhnlich 判定 🧑', 'gewöhnlich 判定 🧑'],
  ['a line break', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['a colour of a terminal', '\u001b[31mred', '\\u{1b}[31mred'],
  ['what turns the direction of text', 'a\u202eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
  ['what has no width', 'learning\u200b_rate\ufeff', 'learning\\u{200b}_rate\\u{feff}'],
  ['half a character', 'a\ud83d', 'a\\u{d83d}'],
  ['a separator of lines', 'a\u2028b', 'a\\u{2028}b'],
])('shows %s', (_, text, visible) => {
  expect(visibleText(text)).toBe(visible);
});

it('leaves out the middle of what is very long', () => {
  const visible = visibleText(`first ${'x'.repeat(1e6)} last`);
  expect(visible.length).toBeLessThan(2100);
  expect(visible).toMatch(/^first x+ … \(998011 characters left out\) … x+ last$/);
});

it('keeps columns where a caret stands under them', () => {
  expect(visibleColumns('\ta\u202eb\u0007')).toBe(' a\u{FFFD}b\u{FFFD}');
});
