import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { type Diagnostic, formatWithSource, RULES, readRecipe } from '../src/index.ts';
import { WRONG_RECIPES, type WrongRecipe } from './wrong-recipes.ts';

const root = mkdtempSync(path.join(tmpdir(), 'wrong-'));

/** Makes the recipe, and checks it. */
function check(wrong: WrongRecipe, index: number): Diagnostic[] {
  const { recipe = 'smoke-7b', file, from, to, files = {} } = wrong;
  const folder = path.join(root, String(index), recipe);
  cpSync(path.join(PROJECT_ROOT, 'recipes', recipe), folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  const before = readFileSync(path.join(folder, file), 'utf8');
  const text = before.replace(from, () => to);
  expect(text, `${file} holds ${from}`).not.toBe(before);
  writeFileSync(path.join(folder, file), text);
  const { diagnostics } = readRecipe(folder);
  const isAskedFor = ({ severity, code }: Diagnostic) => severity !== 'notice' || code === wrong.rule;
  return diagnostics.filter(isAskedFor);
}

/** Line and column of a text in a file, from 1. */
function placeOf(needle: string, text: string): { line: number; column: number } {
  const lines = text.slice(0, text.indexOf(needle)).split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

describe('a recipe with one mistake', () => {
  const printed: string[] = [];

  it.each(WRONG_RECIPES.map((wrong, index) => [wrong.title, wrong, index] as const))(
    '%s',
    (title, wrong, index) => {
      const found = check(wrong, index);
      const folder = path.join(root, String(index), wrong.recipe ?? 'smoke-7b');
      const said = found.map((finding) => formatWithSource(finding).replaceAll(`${folder}/`, ''));
      const change = `${wrong.file}: ${JSON.stringify(wrong.from)} → ${JSON.stringify(wrong.to)}`;
      printed.push(`${wrong.rule}: ${title}\n${change}\n\n${said.join('\n')}\n`);
      expect(found.map(({ code }) => code)).toEqual([wrong.rule]);
      const stands = path.join(folder, wrong.in ?? wrong.file);
      expect(found[0]).toMatchObject({ file: stands, ...placeOf(wrong.at, readFileSync(stands, 'utf8')) });
    },
  );

  it('is told in words that a person can act on', async () => {
    await expect(printed.join(`\n${'─'.repeat(100)}\n`)).toMatchFileSnapshot('wrong-recipes.txt');
  });

  it('is there for every rule', () => {
    // What a link leads to is the action's to check, and shown in its tests.
    const rules = Object.keys(RULES).filter((rule) => rule !== 'outside-workspace');
    expect(rules.filter((rule) => !WRONG_RECIPES.some((wrong) => wrong.rule === rule))).toEqual([]);
  });
});
