import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { loadRecipe, makePlan, readRecipe } from '../src/index.ts';

/** A copy of a smoke recipe with another merge.yaml, or another section `merge`. */
function recipe(changes: { merge?: string; section?: string; name?: string }): string {
  const name = changes.name ?? 'smoke-7b';
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'merge-')), name);
  cpSync(path.join(PROJECT_ROOT, 'recipes', name), folder, { recursive: true });
  if (changes.merge !== undefined) writeFileSync(path.join(folder, 'merge.yaml'), changes.merge);
  const file = path.join(folder, 'recipe.yaml');
  if (changes.section) {
    writeFileSync(file, readFileSync(file, 'utf8').replace('merge: merge.yaml', `merge: ${changes.section}`));
  }
  return folder;
}

/** Line, rule and message of each finding. */
function findings(folder: string): [number, string, string][] {
  return readRecipe(folder).diagnostics.map(({ line, code, message }) => [line, code, message]);
}

const TWO = 'models:\n  - { model: "${absolute}" }\n  - { model: "${relative}" }\n';

describe('a merge configuration', () => {
  it.each([
    ['linear', `${TWO}parameters: { weight: 0.5 }\nmerge_method: linear\n`],
    [
      'slerp by tensor and layer, over slices',
      `slices:
  - sources:
      - { model: "\${absolute}", layer_range: [0, 2] }
      - { model: "\${relative}", layer_range: [0, 2] }
merge_method: slerp
base_model: \${absolute}
parameters:
  t:
    - { filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1] }
    - { filter: mlp, value: [1, 0.5, 0.7, 0.3, 0] }
    - value: 0.5
dtype: float16
`,
    ],
    [
      'task_arithmetic',
      `${TWO}base_model: \${base}\nparameters: { weight: 0.4, lambda: 1.1, normalize: true }\nmerge_method: task_arithmetic\n`,
    ],
    [
      'ties',
      `models:
  - model: \${base}
  - model: \${absolute}
    parameters: { density: [1, 0.7, 0.1], weight: 1.0 }
  - model: \${relative}
    parameters: { density: 0.5, weight: [{ filter: mlp, value: [0, 0.3, 0.7, 1] }, { value: 0.5 }] }
merge_method: ties
base_model: \${base}
parameters: { normalize: true, int8_mask: true }
dtype: float16
`,
    ],
    [
      'dare_ties',
      `${TWO}base_model: \${base}\nparameters: { weight: 0.5, density: 0.53, rescale: false }\nmerge_method: dare_ties\ntokenizer_source: base\n`,
    ],
    [
      'dare_linear',
      `${TWO}base_model: \${base}\nparameters: { weight: 0.5 }\nmerge_method: dare_linear\nchat_template: "{{ messages }}"\n`,
    ],
    [
      'supermario',
      `${TWO}base_model: \${base}\nparameters: { p: 0.1, lambda: 1.95 }\nmerge_method: supermario\n`,
    ],
    [
      'adapters on their base',
      'models:\n  - { model: "${absolute}+data" }\n  - { model: data+data }\n  - { model: "${relative}" }\nparameters: { weight: 1 }\nmerge_method: linear\n',
    ],
  ])('%s', (_what, merge) => {
    expect(findings(recipe({ merge }))).toEqual([]);
  });

  it.each([
    [
      'a parameter of another method',
      `${TWO}parameters:\n  weight: 0.5\n  density: 0.5\nmerge_method: linear\n`,
      [6, 'unknown-key', 'linear has no parameter density'],
    ],
    [
      'a misspelt parameter',
      `${TWO}parameters:\n  wieght: 0.5\nmerge_method: linear\n`,
      [5, 'unknown-key', 'unknown key wieght'],
    ],
    [
      'a parameter of all models at one',
      'models:\n  - { model: "${absolute}", parameters: { weight: 1 } }\n  - model: "${relative}"\n    parameters:\n      weight: 1\n      normalize: false\nmerge_method: linear\n',
      [6, 'bad-value', 'normalize concerns all models together'],
    ],
    [
      'a missing weight',
      'models:\n  - { model: "${absolute}", parameters: { weight: 1 } }\n  - { model: "${relative}" }\nmerge_method: linear\n',
      [3, 'missing-key', '${relative} has no parameters.weight, which linear needs'],
    ],
    [
      'a missing base model',
      `${TWO}merge_method: ties\nparameters: { weight: 1 }\n`,
      [4, 'missing-key', 'ties needs base_model'],
    ],
    [
      'slerp of three',
      `${TWO}merge_method: slerp\nbase_model: \${base}\nparameters: { t: 0.5 }\n`,
      [2, 'bad-value', 'slerp merges two models, base_model and one more, and here are 3'],
    ],
    [
      'slerp without t',
      `${TWO}merge_method: slerp\nbase_model: \${absolute}\n`,
      [4, 'missing-key', 'slerp needs parameters.t'],
    ],
    [
      'a base model that is no expert',
      `${TWO}merge_method: ties\nbase_model: \${bsae}\nparameters: { weight: 1 }\n`,
      [5, 'unknown-name', 'the recipe has no expert bsae'],
    ],
    [
      'a density above 1',
      `${TWO}merge_method: ties\nbase_model: \${base}\nparameters:\n  weight: 1\n  density: 53\n`,
      [8, 'bad-value', 'parameters.density: expected a number of at most 1, found 53'],
    ],
    [
      'a misspelt key of a condition',
      `${TWO}merge_method: linear\nparameters:\n  weight:\n    - { fliter: mlp, value: 1 }\n`,
      [7, 'unknown-key', 'unknown key fliter'],
    ],
    [
      'text among values',
      `${TWO}merge_method: linear\nparameters:\n  weight: [1, much]\n`,
      [
        6,
        'bad-value',
        'parameters.weight: expected a number, a list of them, spread over the layers, or a list of {filter, value}',
      ],
    ],
    [
      'some of the layers',
      'slices:\n  - sources:\n      - { model: "${absolute}", layer_range: [0, 2] }\n      - { model: "${relative}", layer_range: [1, 2] }\nparameters: { weight: 1 }\nmerge_method: linear\n',
      [4, 'bad-value', 'slices.0.sources.1.layer_range.0: whole models are merged: the range begins with 0'],
    ],
    [
      'models and slices',
      `${TWO}slices:\n  - sources: []\nmerge_method: linear\n`,
      [4, 'bad-value', 'both models and slices are there'],
    ],
    ['neither', 'merge_method: linear\n', [1, 'missing-key', 'models is missing']],
  ])('%s is an error at its line', (_what, merge, finding) => {
    expect(findings(recipe({ merge }))).toEqual([finding]);
  });
});

describe('the section merge', () => {
  it('is a path, with the defaults', () => {
    const folder = recipe({});
    expect(loadRecipe(folder).recipe.merge).toMatchObject({
      folder,
      adapters: 'first',
      engine: 'native',
      seed: 0,
      donor: undefined,
      config: { merge_method: 'linear' },
    });
  });

  it('has options', () => {
    const section = '{ config: merge.yaml, adapters: on-the-fly, seed: 42, donor: "${absolute}" }';
    expect(loadRecipe(recipe({ section })).recipe.merge).toMatchObject({
      adapters: 'on-the-fly',
      seed: 42,
      donor: '${absolute}',
    });
  });

  it("leaves what it can't know to mergekit", () => {
    const merge =
      'slices: [{ sources: [{ model: "${base}", layer_range: [0, 1] }] }]\nmerge_method: passthrough\n';
    const section = '{ config: merge.yaml, engine: mergekit }';
    expect(loadRecipe(recipe({ merge, section })).recipe.merge.config).toMatchObject({ slices: [{}] });
  });

  it.each([
    ['{ config: merge.yaml, adaptors: first }', 'unknown-key', 'unknown key adaptors'],
    ['{ config: merge.yaml, adapters: later }', 'bad-value', 'merge.adapters'],
    ['{ adapters: first }', 'missing-key', 'merge.config is missing'],
    ['{ config: merges.yaml }', 'missing-file', 'merges.yaml'],
    ['{ config: merge.yaml, donor: "${absolut}" }', 'unknown-name', 'the recipe has no expert absolut'],
    [
      '{ config: merge.yaml, engine: mergekit, adapters: on-the-fly }',
      'bad-value',
      'adapters must be merged first',
    ],
    ['7', 'bad-value', 'merge: expected a path, or config'],
  ])('refuses %s', (section, code, words) => {
    expect(findings(recipe({ section }))).toEqual([[11, code, expect.stringContaining(words)]]);
  });
});

describe('the plan of LoRA experts that are merged on the fly', () => {
  it('has no adapter merge: the judge needs the adapters and their base model', () => {
    const section = '{ config: merge.yaml, adapters: on-the-fly }';
    const { recipe: found } = loadRecipe(recipe({ name: 'smoke-8x7b', section }));
    const plan = makePlan(found, '/artifacts');
    expect(plan.adapters).toEqual([]);
    expect(plan.stages.filter(({ stage }) => stage === 'lora-merge')).toEqual([]);
    expect(plan.stages.at(-1)).toMatchObject({
      id: 'model-merge',
      needs: ['base-model', 'sft-train/absolute', 'sft-train/relative'],
    });
  });
});
