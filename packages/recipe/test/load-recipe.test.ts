import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadRecipe, makePlan, readRecipe } from '../src/index.ts';

const RECIPES = ['smoke-7b', 'smoke-8x7b', 'prometheus-7b-v2.0', 'prometheus-8x7b-v2.0'];
let folder: string;

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'recipe-')), 'smoke-7b');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
});

/** Changes one file of a copy of the smoke recipe; the text that it has then. */
function change(file: string, from: string, to: string): string {
  const target = path.join(folder, file);
  const before = readFileSync(target, 'utf8');
  const after = before.replace(from, () => to);
  expect(after).not.toBe(before);
  writeFileSync(target, after);
  return after;
}

/** Line and column of a text in a file, from 1. */
function placeOf(needle: string, text: string): { line: number; column: number } {
  const lines = text.slice(0, text.indexOf(needle)).split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

describe('the recipes of the project', () => {
  it.each(RECIPES)('%s has no error and no warning', (name) => {
    const { diagnostics } = loadRecipe(path.join(PROJECT_ROOT, 'recipes', name));
    expect(diagnostics.filter(({ severity }) => severity !== 'notice')).toEqual([]);
  });

  it.each([
    ['prometheus-7b-v2.0', 2],
    ['prometheus-8x7b-v2.0', 2],
    ['smoke-7b', 2],
  ])("%s accumulates gradients to the original's global batch", (name, steps) => {
    const { recipe } = loadRecipe(path.join(PROJECT_ROOT, 'recipes', name));
    for (const { training } of recipe.experts)
      expect(training.arguments.gradient_accumulation_steps).toBe(steps);
  });

  it('plans an adapter merge for each expert that is trained with LoRA, and for no other', () => {
    const plan = (name: string) =>
      makePlan(loadRecipe(path.join(PROJECT_ROOT, 'recipes', name)).recipe, '/artifacts');
    expect(plan('prometheus-7b-v2.0').stages.map(({ id }) => id)).toEqual([
      'prepare-dataset/feedback-collection',
      'prepare-dataset/preference-collection',
      'sft-train/absolute',
      'sft-train/relative',
      'model-merge',
    ]);
    const large = plan('prometheus-8x7b-v2.0');
    expect(large.adapters).toEqual(['absolute', 'relative']);
    expect(large.stages.at(-1)).toMatchObject({
      id: 'model-merge',
      needs: ['lora-merge/absolute', 'lora-merge/relative'],
    });
  });
});

describe('how training is launched', () => {
  const launch = (section: string) => change('recipe.yaml', 'launch: { config: cpu, processes: 1 }', section);
  const codes = () => readRecipe(folder).diagnostics.map(({ code, line }) => [code, line]);

  it('is on this machine unless said otherwise', () => {
    expect(loadRecipe(folder).recipe.launch).toMatchObject({ launcher: 'local', nodes: 1, processes: 1 });
  });

  it('spreads the processes evenly over the nodes of a cluster', () => {
    const text = launch(
      'launch: { config: cpu, processes: 2, launcher: slurm, slurm: { nodes: 2, options: [--time=60] } }',
    );
    expect(loadRecipe(folder).recipe.launch).toMatchObject({
      launcher: 'slurm',
      nodes: 2,
      slurmOptions: ['--time=60'],
    });
    const { diagnostics } = readRecipe(folder, { processes: 1 });
    expect(diagnostics[0]).toMatchObject({
      code: 'indivisible-processes',
      message: "1 processes can't be spread evenly over 2 nodes",
      ...placeOf('2, options', text),
    });
  });

  it.each([
    ['{ config: cpu, slurm: { nodes: 1 } }', 'launch-mismatch'],
    ['{ config: cpu, launcher: slurm, slurm: { options: [--nodes=2] } }', 'bad-value'],
    ['{ config: cpu, launcher: slurm, slurm: { options: [gpu] } }', 'bad-value'],
    ['{ config: cpu, launcher: sbatch }', 'bad-value'],
    ['{ config: cpu, launcher: slurm, slurm: { node: 2 } }', 'unknown-key'],
  ])('refuses %s', (section, code) => {
    launch(`launch: ${section}`);
    expect(codes()).toEqual([[code, expect.any(Number)]]);
  });

  it('has its number of nodes in the recipe only', () => {
    writeFileSync(path.join(folder, 'two.yaml'), 'distributed_type: MULTI_GPU\nnum_machines: 2\n');
    launch('launch: { config: two.yaml }');
    expect(codes()).toEqual([['launch-mismatch', 2]]);
  });
});

describe('a dataset', () => {
  it('may have several sources, patterns, messages of its own and a split by a column', () => {
    change(
      'dataset.yaml',
      'source: { files: data/feedback.json }',
      'source: [{ files: [data/*.json, data] }, { hub: a/b, revision: main }]',
    );
    change(
      'dataset.yaml',
      'columns: { user: instruction, assistant: output }',
      'columns: { messages: talk }\n  keep_columns: []\n  limit: 7',
    );
    change('dataset.yaml', 'seed: 42 } #', 'seed: 42, by: source } #');
    const text = change(
      'dataset.yaml',
      '  system_prompt: >-\n    You are a fair judge assistant tasked with providing clear, objective feedback based on specific criteria, ensuring each assessment reflects the absolute standards set for performance.\n',
      '',
    );
    const { recipe, diagnostics } = readRecipe(folder);
    expect(diagnostics).toMatchObject([
      { code: 'unpinned-revision', severity: 'warning', ...placeOf('main', text) },
    ]);
    expect(recipe?.datasets['feedback-collection']).toEqual({
      sources: [
        { files: [path.join(folder, 'data/*.json'), path.join(folder, 'data')] },
        { hub: 'a/b', revision: 'main', hub_files: undefined },
      ],
      columns: { messages: 'talk' },
      keep_columns: [],
      limit: 7,
      split: { test_size: 0.05, seed: 42, by: 'source' },
    });
  });
});

describe('mistakes', () => {
  it('a missing key', () => {
    change('recipe.yaml', 'dataset: dataset.yaml\n', '');
    const [finding, ...others] = readRecipe(folder).diagnostics;
    expect(finding).toMatchObject({ code: 'missing-key', message: 'dataset is missing' });
    expect(others).toEqual([]);
  });

  it('broken YAML', () => {
    writeFileSync(path.join(folder, 'merge.yaml'), 'models:\n  - model: a\n   weight: [1\n');
    const [first] = readRecipe(folder).diagnostics;
    expect(first).toMatchObject({ code: 'yaml-syntax', file: path.join(folder, 'merge.yaml'), line: 3 });
  });

  it('all mistakes of all files at once, in source order', () => {
    writeFileSync(path.join(folder, 'absolute.yaml'), 'lerning_rate: 1\nseed: x\n');
    writeFileSync(path.join(folder, 'merge.yaml'), 'models: 3\nmerge_method: linear\n');
    const found = readRecipe(folder).diagnostics.map(({ file, line, code }) => [
      path.basename(file),
      line,
      code,
    ]);
    expect(found).toEqual([
      ['absolute.yaml', 1, 'unknown-key'],
      ['absolute.yaml', 2, 'wrong-type'],
      ['merge.yaml', 1, 'wrong-type'],
    ]);
  });

  it('a recipe that is not there', () => {
    rmSync(path.join(folder, 'recipe.yaml'));
    expect(readRecipe(folder).diagnostics).toMatchObject([{ code: 'missing-file', line: 1, column: 1 }]);
  });
});

describe('keys of older recipes', () => {
  it.each([
    ['evaluation_strategy: epoch', 'eval_strategy', 'epoch'],
    ['max_seq_length: 512', 'max_length', 512],
    ['warmup_ratio: 0.2', 'warmup_steps', 0.2],
    ['torch_dtype: bfloat16', 'dtype', 'bfloat16'],
  ])('%s is understood, with a notice', (line, key, value) => {
    writeFileSync(path.join(folder, 'absolute.yaml'), `${line}\nper_device_train_batch_size: 4\n`);
    const { recipe, diagnostics } = loadRecipe(folder);
    expect(recipe.experts[0]?.training.arguments[key]).toBe(value);
    expect(diagnostics).toMatchObject([{ severity: 'notice', code: 'renamed-key', line: 1, column: 1 }]);
  });
});
