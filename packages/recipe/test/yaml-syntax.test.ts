import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Diagnostic, readYamlFile } from '../src/index.ts';

const file = path.join(mkdtempSync(path.join(tmpdir(), 'syntax-')), 'recipe.yaml');

function read(text: string): { data: unknown; found: Diagnostic[] } {
  writeFileSync(file, text);
  const found: Diagnostic[] = [];
  return { data: readYamlFile(file, found)?.data, found };
}

it.each([
  ['a tab', 'a:\n\tb: 1\n', 2, 1, 'a tab in the indentation'],
  ['a colon in a text', 'a: b: c\n', 1, 4, 'a "key: value" within a value'],
  ['a line indented too far', 'a: 1\n  b: 2\n', 1, 4, 'a "key: value" within a value'],
  ['a line indented too little', '  a: 1\nb: 2\n', 2, 1, '"b" is not expected here'],
  ['no space after a colon', 'a:b\nc: d\n', 1, 1, 'a line without "key: value"'],
  ['an open quote', 'a: "b\nc: 1\n', 1, 4, 'a quote is not closed'],
  ['a quote in quotes', "a: 'it's'\n", 1, 8, '"s\'" is not expected here'],
  ['an open bracket', 'a: [1, 2\nb: 3\n', 2, 1, 'a bracket before this line is not closed'],
  ['a bracket too many', 'a: [1, 2]]\n', 1, 10, '"]" is not expected here'],
  ['a reserved character', 'a: @b\n', 1, 4, "a value can't begin with @"],
  ['an escape', 'a: "\\q"\n', 1, 5, '\\q has no meaning between double quotes'],
  ['two documents', 'a: 1\n---\nb: 2\n', 2, 1, 'a second document begins here'],
  ['an alias of nothing', 'a: 1\nb: *a\n', 2, 4, '*a repeats an anchor &a, and there is none before it'],
  [
    'a value in itself',
    'a: &a [1, { b: *a }]\n',
    1,
    16,
    '*a is in the value of &a itself, which so has no end',
  ],
  ['a whole file in itself', '&a { b: *a }\n', 1, 9, '*a is in the value of &a itself, which so has no end'],
])('says what is wrong with %s, once', (_, text, line, column, message) => {
  const { data, found } = read(text);
  expect(data).toBeUndefined();
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ severity: 'error', code: 'yaml-syntax', line, column, message });
  expect(found[0]?.hint).toBeTruthy();
});

it('names each key that stands twice, and reads the file all the same', () => {
  const { data, found } = read('a: 1\nb: { c: 1, "c": 2 }\na: 3\n');
  expect(found).toMatchObject([
    { code: 'duplicate-key', line: 2, column: 12, message: 'the key "c" stands here a second time' },
    { code: 'duplicate-key', line: 3, column: 1, message: 'the key a stands here a second time' },
  ]);
  expect(data).toBeDefined();
});

it('refuses aliases that expand without end, at once', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const repeated = Array(10)
      .fill(level === 0 ? 'x' : `*l${level - 1}`)
      .join(', ');
    return `l${level}: &l${level} [${repeated}]`;
  });
  const { data, found } = read(`${levels.join('\n')}\n`);
  expect(data).toBeUndefined();
  expect(found).toMatchObject([{ code: 'yaml-syntax', message: expect.stringContaining('aliases') }]);
});

it('reads aliases that are used as they are meant', () => {
  expect(read('a: &a [1]\nb: *a\n')).toEqual({ data: { a: [1], b: [1] }, found: [] });
});

it.each([
  ['aliases of one anchor', `a: &a 1\nb: [${'*a '.repeat(5000).split(' ').join(', ')}]\n`],
  ['aliases of an anchor each', lines(2000, (n) => `a${n}: &a${n} 1\nb${n}: *a${n}`)],
  ['aliases in one line', `a: &a 1\nb: [${'*a,'.repeat(1_000_000)}]\n`],
  ['keys', lines(300_000, (n) => `a${n}: 1`)],
  ['keys in one line', `{${Array.from({ length: 200_000 }, (_, n) => `a${n}: 1`).join()}}`],
  ['keys without values', `{${Array.from({ length: 200_000 }, (_, n) => `a${n}`).join()}}`],
  ['merge keys', `a: &a { b: 1 }\n${lines(2000, (n) => `c${n}: { <<: *a }`)}`],
])('refuses %s without number, in time', (_, text) => {
  const started = Date.now();
  const { data, found } = read(text);
  expect(data).toBeUndefined();
  expect(found).toMatchObject([
    { message: expect.stringMatching(/^the file has more than (500 aliases|10000 lines)/) },
  ]);
  expect(Date.now() - started).toBeLessThan(10_000);
});

it.each([
  ['mappings in mappings', `x: ${'{'.repeat(300)}`],
  ['mappings in mappings that are closed', `x: ${'{a: '.repeat(100)}1${'}'.repeat(100)}`],
  ['mappings in lists', `x: ${'[{'.repeat(200)}`],
  ['lists', '['.repeat(100_000)],
  ['keys of keys', `${'? '.repeat(400)}a`],
  ['items of items', `${'- '.repeat(5000)}x`],
  ['marks', `x: ${'&a '.repeat(200_000)}`],
  ['indentation', Array.from({ length: 1000 }, (_, n) => `${' '.repeat(n)}a:\n`).join('')],
])('refuses %s without end, in time', (_, text) => {
  const started = Date.now();
  expect(read(`a: 1\n${text}\n`).found).toMatchObject([
    { message: expect.stringContaining('more than 50 deep') },
  ]);
  expect(Date.now() - started).toBeLessThan(10_000);
});

it('reads as much as any settings have, in time', () => {
  const text = `${lines(490, (n) => `a${n}: &a${n} 1\nb${n}: *a${n}`)}${lines(3500, (n) => `c${n}: 1`)}`;
  const started = Date.now();
  expect(Object.keys(read(text).data as object)).toHaveLength(2 * 490 + 3500);
  expect(Date.now() - started).toBeLessThan(10_000);
});

function lines(number: number, line: (at: number) => string): string {
  return Array.from({ length: number }, (_, at) => `${line(at)}\n`).join('');
}
