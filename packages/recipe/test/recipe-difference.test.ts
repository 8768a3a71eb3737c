import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { loadRecipe, type Recipe, recipeDifference } from '../src/index.ts';
import { valueWords } from '../src/value-words.ts';

type Edit = [file: string, from: string | RegExp, to: string];

/** A recipe of the project before and after its files are changed. */
function edited(name: string, edits: Edit[]): { before: Recipe; after: Recipe } {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'difference-')), name);
  cpSync(path.join(PROJECT_ROOT, 'recipes', name), folder, { recursive: true });
  const { recipe: before } = loadRecipe(folder);
  for (const [file, from, to] of edits) {
    const target = path.join(folder, file);
    const text = readFileSync(target, 'utf8');
    const changed = text.replace(from, () => to);
    expect(changed, `${file} has ${from}`).not.toBe(text);
    writeFileSync(target, changed);
  }
  return { before, after: loadRecipe(folder).recipe };
}

function differenceOf(name: string, ...edits: Edit[]) {
  const { before, after } = edited(name, edits);
  const { changes, stages } = recipeDifference(before, after);
  const withFate = (fate: string) => stages.filter((stage) => stage.fate === fate).map(({ id }) => id);
  return { changes, again: withFate('runs again'), isNew: withFate('is new'), gone: withFate('is gone') };
}

const both = (from: string | RegExp, to: string): Edit[] => [
  ['absolute.yaml', from, to],
  ['relative.yaml', from, to],
];

const CASES: [title: string, edits: Edit[], changes: string[], again: string[]][] = [
  ['nothing', [], [], []],
  ['a comment', [['merge.yaml', '# A mergekit', '# The mergekit']], [], []],
  [
    'a learning rate',
    [['absolute.yaml', '4.0e-3', '2.0e-5']],
    ['learning_rate of absolute: 0.004 → 2e-5'],
    ['sft-train/absolute', 'model-merge'],
  ],
  ['a learning rate that is only written otherwise', [['absolute.yaml', '4.0e-3', '0.004']], [], []],
  [
    'a learning rate of both',
    both('4.0e-3', '5.0e-3'),
    ['learning_rate of both experts: 0.004 → 0.005'],
    ['sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'the global batch',
    both('global_batch_size: 8', 'global_batch_size: 16'),
    ['global batch of both experts: 8 → 16', 'gradient accumulation of both experts: 2 → 4'],
    ['sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'a global batch that was there by default',
    [['absolute.yaml', 'global_batch_size: 8', '# as it comes out']],
    ['global batch of absolute: 8 → 4', 'gradient accumulation of absolute: 2 → 1'],
    ['sft-train/absolute', 'model-merge'],
  ],
  [
    'what is logged',
    [['relative.yaml', 'logging_steps: 2', 'logging_steps: 5']],
    ['logging_steps of relative: 2 → 5 (no effect on the weights)'],
    [],
  ],
  [
    'when training stops',
    [['relative.yaml', 'logging_steps: 2', 'logging_steps: 2\nstop_on: [nan]\nmax_minutes: 90']],
    [
      'max_minutes of relative: not set → 90 (no effect on the weights)',
      'stop_on of relative: [] → [nan] (no effect on the weights)',
    ],
    [],
  ],
  [
    'an argument that was not set',
    [['absolute.yaml', 'warmup_steps: 0.1', 'warmup_steps: 0.1\nweight_decay: 0.01']],
    ['weight_decay of absolute: not set → 0.01'],
    ['sft-train/absolute', 'model-merge'],
  ],
  [
    'the profile',
    [['absolute.yaml', 'profile: parity', 'profile: fast']],
    ['profile of absolute: parity → fast'],
    ['sft-train/absolute', 'model-merge'],
  ],
  [
    'a chat template',
    [['absolute.yaml', '[INST] {{', '[INST]{{']],
    ['chat_template of absolute changed'],
    ['sft-train/absolute', 'model-merge'],
  ],
  [
    'a system prompt',
    [['dataset.yaml', 'fair judge assistant tasked', 'strict judge assistant tasked']],
    ['system_prompt of feedback-collection changed'],
    ['prepare-dataset/feedback-collection', 'sft-train/absolute', 'model-merge'],
  ],
  [
    'the split of both datasets',
    [
      ['dataset.yaml', /test_size: 0.05/, 'test_size: 0.1'],
      ['dataset.yaml', 'test_size: 0.05', 'test_size: 0.1'],
    ],
    ['split.test_size of both datasets: 0.05 → 0.1'],
    [
      'prepare-dataset/feedback-collection',
      'prepare-dataset/preference-collection',
      'sft-train/absolute',
      'sft-train/relative',
      'model-merge',
    ],
  ],
  [
    'a limit',
    [
      [
        'dataset.yaml',
        'source: { files: data/feedback.json }',
        'source: { files: data/feedback.json }\n  limit: 100000',
      ],
    ],
    ['limit of feedback-collection: not set → 100,000'],
    ['prepare-dataset/feedback-collection', 'sft-train/absolute', 'model-merge'],
  ],
  [
    'a source',
    [['dataset.yaml', 'data/feedback.json', 'data']],
    ['source of feedback-collection: [data/feedback.json] → [data]'],
    ['prepare-dataset/feedback-collection', 'sft-train/absolute', 'model-merge'],
  ],
  [
    'the seed of the base model',
    [['recipe.yaml', 'seed: 42', 'seed: 7']],
    ['seed of the base model: 42 → 7'],
    ['base-model', 'sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'the weight of an expert',
    [['merge.yaml', 'weight: 1.0', 'weight: 0.6']],
    ['merge: weight of ${absolute}: 1 → 0.6'],
    ['model-merge'],
  ],
  [
    'the merge method',
    [['merge.yaml', 'merge_method: linear', 'merge_method: dare_linear\nbase_model: ${base}']],
    ['merge: merge_method: linear → dare_linear', 'merge: base_model: not set → ${base}'],
    ['model-merge'],
  ],
  [
    'a model of the merge',
    [['merge.yaml', '  - model: ${relative}', '  - model: ${base}']],
    ['merge: ${relative} is not merged any more', 'merge: ${base} is merged, too'],
    ['model-merge'],
  ],
  [
    'the seed of the merge',
    [['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, seed: 1 }']],
    ['merge: seed: 0 → 1'],
    ['model-merge'],
  ],
  [
    'the processes, with the same global batch',
    [['recipe.yaml', 'processes: 1', 'processes: 2']],
    [
      'gradient accumulation of both experts: 2 → 1',
      'launch: cpu × 1 → cpu × 2 (the same examples in each step, rounded otherwise)',
    ],
    ['sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'the processes, and with them the global batch',
    [
      ['recipe.yaml', 'processes: 1', 'processes: 2'],
      ...both('global_batch_size: 8', 'global_batch_size: 16'),
    ],
    ['global batch of both experts: 8 → 16', 'launch: cpu × 1 → cpu × 2'],
    ['sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'the launcher',
    [['recipe.yaml', 'processes: 1 }', 'processes: 1, launcher: slurm, slurm: { options: [--time=60] } }']],
    [
      'launcher: local → slurm (no effect on the weights)',
      'options of Slurm: [] → [--time=60] (no effect on the weights)',
    ],
    [],
  ],
  [
    'a launch config',
    [['recipe.yaml', 'config: cpu, processes: 1', 'config: zero3, processes: 1']],
    ['launch: cpu × 1 → zero3 × 1 (the same examples in each step, rounded otherwise)'],
    ['sft-train/absolute', 'sft-train/relative', 'model-merge'],
  ],
  [
    'the name',
    [['recipe.yaml', 'name: smoke-7b', 'name: my-judge']],
    ['name: smoke-7b → my-judge'],
    [
      'base-model',
      'prepare-dataset/feedback-collection',
      'prepare-dataset/preference-collection',
      'sft-train/absolute',
      'sft-train/relative',
      'model-merge',
    ],
  ],
  [
    'a name with what turns the direction of text',
    [['dataset.yaml', 'user: instruction,', 'user: "in\\u202estruction",']],
    ['columns.user of feedback-collection: instruction → in\\u{202e}struction'],
    ['prepare-dataset/feedback-collection', 'sft-train/absolute', 'model-merge'],
  ],
];

describe('a change of smoke-7b', () => {
  it.each(CASES)('%s', (_, edits, changes, again) => {
    const difference = differenceOf('smoke-7b', ...edits);
    expect(difference).toEqual({ changes, again, isNew: [], gone: [] });
  });

  it('is another dataset of an expert', () => {
    const edit: Edit = ['recipe.yaml', 'dataset: preference-collection', 'dataset: feedback-collection'];
    expect(differenceOf('smoke-7b', edit)).toEqual({
      changes: ['dataset of relative: preference-collection → feedback-collection'],
      again: ['sft-train/relative', 'model-merge'],
      isNew: [],
      gone: ['prepare-dataset/preference-collection'],
    });
  });

  it('is a new expert', () => {
    const expert = '  third: { dataset: feedback-collection, sft: absolute.yaml }\nlaunch:';
    expect(differenceOf('smoke-7b', ['recipe.yaml', 'launch:', expert])).toEqual({
      changes: ['the expert third is new'],
      // The merge configuration does not name it.
      again: [],
      isNew: ['sft-train/third'],
      gone: [],
    });
  });

  it('is another name of an expert', () => {
    const difference = differenceOf(
      'smoke-7b',
      ['recipe.yaml', 'absolute: {', 'pointwise: {'],
      ['merge.yaml', '- model: ${absolute}', '- model: ${pointwise}'],
    );
    expect(difference).toEqual({
      changes: [
        'the expert pointwise is new',
        'the expert absolute is gone',
        'merge: ${absolute} is not merged any more',
        'merge: ${pointwise} is merged, too',
      ],
      again: ['model-merge'],
      isNew: ['sft-train/pointwise'],
      gone: ['sft-train/absolute'],
    });
  });

  it('is a file of data with other contents', () => {
    const { before, after } = edited('smoke-7b', []);
    const { changes, stages } = recipeDifference(before, after, (file) => file.endsWith('feedback.json'));
    expect(changes).toEqual(['data of feedback-collection changed in data/feedback.json']);
    expect(stages.filter(({ fate }) => fate === 'runs again')).toEqual([
      {
        id: 'prepare-dataset/feedback-collection',
        fate: 'runs again',
        reasons: ['the contents of its source change'],
      },
      {
        id: 'sft-train/absolute',
        fate: 'runs again',
        reasons: ['prepare-dataset/feedback-collection runs again'],
      },
      { id: 'model-merge', fate: 'runs again', reasons: ['sft-train/absolute runs again'] },
    ]);
  });

  it('is another config of the random base model', () => {
    const { before, after } = edited('smoke-7b', []);
    const { changes, stages } = recipeDifference(before, after, (file) => file.endsWith('base-model.json'));
    expect(changes).toEqual(['base-model.json, the base model, changed']);
    expect(stages[0]).toMatchObject({ id: 'base-model', fate: 'runs again' });
  });
});

describe('a change of prometheus-8x7b-v2.0', () => {
  it('is adapters that are merged on the fly', () => {
    const edit: Edit = [
      'recipe.yaml',
      /^merge: merge.yaml$/m,
      'merge: { config: merge.yaml, adapters: on-the-fly }',
    ];
    expect(differenceOf('prometheus-8x7b-v2.0', edit)).toEqual({
      changes: ['merge: adapters: first → on-the-fly'],
      again: ['model-merge'],
      isNew: [],
      gone: ['lora-merge/absolute', 'lora-merge/relative'],
    });
  });

  it('is another base model', () => {
    const edit: Edit = ['recipe.yaml', 'eba92302a2861cdc0098cc54bc9f17cb2c47eb61', 'f'.repeat(40)];
    const { changes, again } = differenceOf('prometheus-8x7b-v2.0', edit);
    expect(changes).toEqual([
      'base model: mistralai/Mixtral-8x7B-Instruct-v0.1 at eba92302a286 → mistralai/Mixtral-8x7B-Instruct-v0.1 at ffffffffffff',
    ]);
    expect(again).toEqual([
      'sft-train/absolute',
      'sft-train/relative',
      'lora-merge/absolute',
      'lora-merge/relative',
      'model-merge',
    ]);
  });

  it('is a pinned dataset', () => {
    const edit: Edit = [
      'dataset.yaml',
      'prometheus-eval/Feedback-Collection }',
      `prometheus-eval/Feedback-Collection, revision: ${'a'.repeat(40)} }`,
    ];
    const { changes, again } = differenceOf('prometheus-8x7b-v2.0', edit);
    expect(changes).toEqual([
      'source of feedback-collection: [prometheus-eval/Feedback-Collection] → [prometheus-eval/Feedback-Collection at aaaaaaaaaaaa]',
    ]);
    expect(again).toContain('sft-train/absolute');
  });
});

it.each([
  [1e-5, '1e-5'],
  [0.000015, '1.5e-5'],
  [4.0e-3, '0.004'],
  [0.1, '0.1'],
  [64, '64'],
  [4096, '4,096'],
  [1e21, '1e+21'],
  [undefined, 'not set'],
  [null, 'null'],
  ['', 'empty'],
  ['a\u202eb', 'a\\u{202e}b'],
  ['x'.repeat(61), undefined],
  [['a', 2, true], '[a, 2, true]'],
  [{ filter: 'mlp', value: 0.5 }, '{filter: mlp, value: 0.5}'],
])('writes %j as people do', (value, words) => {
  expect(valueWords(value)).toBe(words);
});
