import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Diagnostic, formatWithSource } from '../src/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'excerpt-'));

function shown(content: string, place: { line: number; column: number }, hint?: string): string {
  const file = path.join(folder, 'sft.yaml');
  writeFileSync(file, content);
  const finding: Diagnostic = {
    severity: 'error',
    code: 'unknown-key',
    message: 'wrong',
    file,
    hint,
    ...place,
  };
  return formatWithSource(finding).replaceAll(`${folder}/`, '');
}

it('shows the line, a caret under what is wrong, and what to do', () => {
  expect(
    shown('seed: 1\n  lerning_rate: 1e-5\n', { line: 2, column: 3 }, 'Did you mean learning_rate?'),
  ).toBe(
    [
      'sft.yaml:2:3: error: wrong [unknown-key]',
      '    2 |   lerning_rate: 1e-5',
      '      |   ^~~~~~~~~~~~',
      '  Did you mean learning_rate?',
    ].join('\n'),
  );
});

it.each([
  ['a quoted value with spaces', 'name: "two words" # note', 7, '^~~~~~~~~~~'],
  ['the end of a line', 'name:', 6, '^'],
  ['a list', 'models: [a, b]', 9, '^'],
  ['one element', 'models: [aa, b]', 10, '^~'],
])('marks %s', (_, line, column, marked) => {
  const [, text, caret] = shown(line, { line: 1, column }).split('\n');
  expect(text).toBe(`    1 | ${line}`);
  expect(caret).toBe(`      | ${' '.repeat(column - 1)}${marked}`);
});

it('shows of a long line what is around', () => {
  const [, text, caret] = shown(`${'x'.repeat(500)} here ${'y'.repeat(500)}`, { line: 1, column: 502 }).split(
    '\n',
  );
  expect(text).toHaveLength(8 + 100);
  expect(text?.slice(caret?.indexOf('^'))).toMatch(/^here y/);
  expect(caret?.trim().slice(2)).toMatch(/^ +\^~~~$/);
});

it('shows no control characters of a file', () => {
  const [, text] = shown('\tname: \u001b[31mred\u0007', { line: 1, column: 2 }).split('\n');
  expect(text).toBe('    1 |  name: \u{FFFD}[31mred\u{FFFD}');
});

it.each([
  ['that is empty', '', 1],
  ['that the file does not have', 'a: 1', 7],
])('shows nothing for a line %s', (_, content, line) => {
  expect(shown(content, { line, column: 1 })).toBe(`sft.yaml:${line}:1: error: wrong [unknown-key]`);
});

it('does without a file that is not there', () => {
  const file = path.join(folder, 'nowhere.yaml');
  const finding: Diagnostic = {
    severity: 'error',
    code: 'missing-file',
    message: 'gone',
    file,
    line: 1,
    column: 1,
  };
  expect(formatWithSource(finding)).toBe(`${file}:1:1: error: gone [missing-file]`);
});
