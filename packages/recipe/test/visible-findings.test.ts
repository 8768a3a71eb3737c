import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { formatWithSource, readRecipe } from '../src/index.ts';

it('shows of a recipe what can be seen, in all findings about it', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'visible-'));
  const file = path.join(folder, 'recipe.yaml');
  writeFileSync(file, 'name: "a\\e[31m\\u202e"\n"\\e]0;title\\a": 1\n');
  const { diagnostics } = readRecipe(file);
  expect(diagnostics.map(({ code }) => code)).toContain('unknown-key');
  const texts = diagnostics.flatMap((finding) => [finding.message, finding.hint, formatWithSource(finding)]);
  expect(texts.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(texts.join('\n')).toContain('\\u{1b}]0;title\\u{7}');
});
