import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { expect, it } from 'vitest';
import { recipeFiles } from '../src/index.ts';

const RECIPES = path.join(PROJECT_ROOT, 'recipes');

function filesOf(location: string, texts: Record<string, string>): string[] {
  const files = recipeFiles(location, ({ path: file }) => texts[path.relative(RECIPES, file)]);
  return files.map(({ kind, path: file }) => `${kind} ${path.relative(RECIPES, file)}`);
}

it('are all that a recipe of the project names', () => {
  const files = recipeFiles(path.join(RECIPES, 'smoke-7b'), ({ path: file }) => readFileSync(file, 'utf8'));
  expect(files.map(({ kind, path: file }) => `${kind} ${path.relative(RECIPES, file)}`)).toEqual([
    'settings smoke-7b/recipe.yaml',
    'settings smoke-7b/dataset.yaml',
    'settings smoke-7b/absolute.yaml',
    'settings smoke-7b/relative.yaml',
    'settings smoke-7b/merge.yaml',
    'launch accelerate/cpu.yaml',
    'model smoke-7b/base-model.json',
    'data smoke-7b/data/feedback.json',
    'data smoke-7b/data/preference.parquet',
  ]);
});

it('are found in a recipe with mistakes, too', () => {
  const texts = {
    'mine.yaml':
      'datasett: x\ndataset: ../d.yaml\nexperts: { a: 1, b: { sft: 3 }, c: { sft: c.yaml } }\nmerge: [m.yaml]\nlaunch: {}',
  };
  expect(filesOf(path.join(RECIPES, 'mine.yaml'), texts)).toEqual([
    'settings mine.yaml',
    'settings ../d.yaml',
    'settings c.yaml',
    'settings m.yaml',
  ]);
});

it('are those of all sources', () => {
  const texts = {
    'mine/recipe.yaml': 'dataset: d.yaml\nmerge: { config: m.yaml }\nbase_model: { path: model }',
    'mine/d.yaml':
      'a: { source: [{ files: [x.json, "*.jsonl"] }, { hub: b/c }, { files: folder }] }\nb: nothing',
  };
  // A location that is not there as a folder, and has no .yaml, is taken for a folder.
  expect(filesOf(path.join(RECIPES, 'mine'), texts)).toEqual([
    'settings mine/recipe.yaml',
    'settings mine/d.yaml',
    'settings mine/m.yaml',
    'model mine/model',
    'data mine/x.json',
    'data mine/*.jsonl',
    'data mine/folder',
  ]);
});

it('is the first one alone where that is not YAML', () => {
  expect(filesOf(path.join(RECIPES, 'mine.yaml'), { 'mine.yaml': '{{{' })).toEqual(['settings mine.yaml']);
  expect(filesOf(path.join(RECIPES, 'mine.yaml'), { 'mine.yaml': '- 1' })).toEqual(['settings mine.yaml']);
  expect(filesOf(path.join(RECIPES, 'mine.yaml'), {})).toEqual(['settings mine.yaml']);
});

it('say where they are named', () => {
  const files = recipeFiles(path.join(RECIPES, 'mine.yaml'), ({ path: file }) =>
    file.endsWith('mine.yaml') ? 'name: x\ndataset: d.yaml\n' : undefined,
  );
  expect(files.at(-1)?.report({ code: 'missing-file', message: 'gone' })).toMatchObject({
    line: 2,
    column: 10,
  });
});
