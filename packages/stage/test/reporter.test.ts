import { expect, it } from 'vitest';
import { formatBytes, formatSeconds, PlainReporter, printable, withoutCommands } from '../src/index.ts';

it.each([
  ['::set-output name=a::b', ': :set-output name=a::b'],
  ['  ::add-mask::x', '  : :add-mask::x'],
  ['ok\n::error::x', 'ok\n: :error::x'],
  ['text ##[add-matcher]file', 'text ## [add-matcher]file'],
  ['\u0085\u00a0::add-mask::x', '\u0085\u00a0: :add-mask::x'],
  ['\u200b\ufe0f:\u00ad:error::x', '\u200b\ufe0f: \u00ad:error::x'],
  ['#\u200b#\ufe0f[error]x', '## [error]x'],
  ['a::b', 'a::b'],
])('makes %j text to the runner', (line, expected) => {
  expect(withoutCommands(line)).toBe(expected);
});

it('removes what would drive a terminal', () => {
  expect(printable('\u001b[31mred\u001b[0m\r50%\u0007')).toBe('red 50% ');
  expect(printable('\u009b31mred\n\u0085\u009d')).toBe('red\n  ');
  expect(printable('a\u202eb\u2028c')).toBe('a\\u{202e}b\\u{2028}c');
});

it('writes progress at tenths, not at every step', () => {
  const lines: string[] = [];
  const stage = new PlainReporter((line) => lines.push(line)).startStage('sft-train absolute');
  for (let step = 1; step <= 1000; step += 1) stage.progress(step, 1000, 'steps');
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('sft-train absolute: 100 steps of 1,000 steps');
});

it('formats amounts for people', () => {
  expect([0, 999, 1000, 14_500_000_000].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '14.5 GB']);
  expect([0.44, 12.4, 185, 7810].map(formatSeconds)).toEqual(['0.4 s', '12 s', '3 min 5 s', '2 h 10 min']);
});
