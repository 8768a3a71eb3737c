import type { RuleCode } from '../src/index.ts';
import { WRONG_ADAPTERS } from './wrong-adapters.ts';
import { WRONG_DATASETS } from './wrong-datasets.ts';
import { WRONG_MERGES } from './wrong-merges.ts';
import { WRONG_TRAININGS } from './wrong-trainings.ts';

/** A right recipe with one mistake. */
export interface WrongRecipe {
  rule: RuleCode;
  title: string;
  /** The recipe that it is made from (default: smoke-7b). */
  recipe?: 'smoke-8x7b';
  file: string;
  /** What stands in the file, */
  from: string;
  /** and what stands there instead. */
  to: string;
  /** The text at whose start the finding stands, */
  at: string;
  /** in this file, where it is not the one that is changed. */
  in?: string;
  /** The JSON Schema says it too (default: for rules about one file by itself). */
  inSchema?: boolean;
  /** Further files of the recipe, by name. */
  files?: Record<string, string>;
}

const RECIPE = { file: 'recipe.yaml' };
const DATASET = { file: 'dataset.yaml' };
const TRAINING = { file: 'absolute.yaml' };

/** The mistakes; each is found at its place, and nothing else is. */
export const WRONG_RECIPES: WrongRecipe[] = [
  {
    ...TRAINING,
    rule: 'yaml-version',
    title: 'a number that other readers of YAML take for an octal one',
    from: 'seed: 42',
    to: 'seed: 042',
    at: '042',
    inSchema: false,
  },
  {
    ...TRAINING,
    rule: 'yaml-syntax',
    title: 'a merge key without a mapping',
    from: 'seed: 42',
    to: 'seed: 42\n<<: 42',
    at: '42\nmax_length',
    inSchema: true,
  },
  // YAML
  {
    ...RECIPE,
    rule: 'yaml-syntax',
    title: 'a tab in the indentation',
    from: '  absolute:',
    to: '\tabsolute:',
    at: '\tabsolute',
  },
  {
    ...RECIPE,
    rule: 'yaml-syntax',
    title: 'a brace that is not closed',
    from: 'processes: 1 }',
    to: 'processes: 1',
    at: 'merge: merge',
  },
  {
    ...TRAINING,
    rule: 'yaml-syntax',
    title: 'a quote that is not closed',
    from: 'lr_scheduler_type: cosine',
    to: 'lr_scheduler_type: "cosine',
    at: '"cosine',
  },
  {
    ...TRAINING,
    rule: 'yaml-syntax',
    title: 'a second document',
    from: 'seed: 42',
    to: '---\nseed: 42',
    at: '---',
  },
  {
    ...TRAINING,
    rule: 'duplicate-key',
    title: 'a key that stands twice',
    from: 'packing: false',
    to: 'packing: false\nseed: 43',
    at: 'seed: 43',
  },
  // Files
  {
    ...RECIPE,
    rule: 'missing-file',
    title: 'a training file that is not there',
    from: 'sft: relative.yaml',
    to: 'sft: relatve.yaml',
    at: 'relatve.yaml',
  },
  {
    ...RECIPE,
    rule: 'missing-file',
    title: 'a launch config that is not there',
    from: 'config: cpu',
    to: 'config: gpu',
    at: 'gpu',
  },
  {
    ...RECIPE,
    rule: 'missing-file',
    title: 'a model config that is not there',
    from: 'base-model.json',
    to: 'base_model.json',
    at: 'base_model.json',
  },
  {
    ...RECIPE,
    rule: 'missing-file',
    title: 'a model folder on another machine',
    from: '{ random: base-model.json, seed: 42, dtype: bfloat16, tokenizer: mistral-v1 }',
    to: '{ path: /models/mistral-7b }',
    at: '/models',
  },
  {
    ...DATASET,
    rule: 'missing-file',
    title: 'data that are not there',
    from: 'data/feedback.json',
    to: 'data/feedbak.json',
    at: 'data/feedbak.json',
  },
  {
    ...DATASET,
    rule: 'missing-file',
    title: 'a pattern that matches nothing',
    from: 'data/feedback.json',
    to: 'data/*.jsonl',
    at: 'data/*.jsonl',
  },
  {
    ...RECIPE,
    rule: 'path-outside',
    title: "a path out of the recipe's folder",
    from: 'merge: merge.yaml',
    to: 'merge: ../smoke-7b/../smoke-7b-2/../smoke-7b/../x/merge.yaml',
    at: '../smoke',
    files: {
      '../x/merge.yaml':
        'models: [{ model: "${absolute}" }, { model: "${relative}" }]\nparameters: { weight: 1 }\nmerge_method: linear\n',
    },
  },
  {
    ...DATASET,
    rule: 'path-outside',
    title: "data out of the recipe's folder",
    from: 'data/feedback.json',
    to: '../feedback.json',
    at: '../feedback.json',
    files: { '../feedback.json': '[]' },
  },
  // Keys and values of recipe.yaml
  {
    ...RECIPE,
    rule: 'unknown-key',
    title: 'a misspelt key',
    from: 'name: smoke-7b',
    to: 'name: smoke-7b\nmergee: merge.yaml',
    at: 'mergee',
  },
  {
    ...RECIPE,
    rule: 'unknown-key',
    title: 'a misspelt key of an expert',
    from: '{ dataset: preference-collection, sft: relative.yaml }',
    to: '{ dataset: preference-collection, sft: relative.yaml, sfft: x }',
    at: 'sfft',
  },
  {
    ...RECIPE,
    rule: 'missing-key',
    title: 'a section that is missing',
    from: 'dataset: dataset.yaml\n',
    to: '',
    at: 'name: smoke',
  },
  {
    ...RECIPE,
    rule: 'missing-key',
    title: 'a model without a revision',
    from: '{ random: base-model.json, seed: 42, dtype: bfloat16, tokenizer: mistral-v1 }',
    to: '{ id: owner/model }',
    at: '{ id',
  },
  {
    ...RECIPE,
    rule: 'wrong-type',
    title: 'a text for a number',
    from: 'processes: 1',
    to: 'processes: two',
    at: 'two',
  },
  {
    ...RECIPE,
    rule: 'bad-value',
    title: 'a name that is no folder name',
    from: 'name: smoke-7b',
    to: 'name: ../../etc',
    at: '../../etc',
  },
  {
    ...RECIPE,
    rule: 'bad-value',
    title: 'two kinds of base model',
    from: '{ random: base-model.json, seed: 42, dtype: bfloat16, tokenizer: mistral-v1 }',
    to: '{ path: data, random: base-model.json }',
    at: 'random:',
  },
  {
    ...RECIPE,
    rule: 'bad-value',
    title: 'an address for a repository',
    from: '{ random: base-model.json, seed: 42, dtype: bfloat16, tokenizer: mistral-v1 }',
    to: '{ id: https://hub.example/owner/model, revision: main }',
    at: 'https',
  },
  {
    ...RECIPE,
    rule: 'bad-value',
    title: 'no processes',
    from: 'processes: 1',
    to: 'processes: 0',
    at: '0 }',
  },
  {
    ...RECIPE,
    rule: 'bad-value',
    title: 'a launcher that is not known',
    from: 'processes: 1',
    to: 'launcher: slrum',
    at: 'slrum',
  },
  {
    ...RECIPE,
    rule: 'without-effect',
    title: 'a revision of a random model',
    from: 'seed: 42',
    to: 'revision: main',
    at: 'revision',
  },
  {
    ...RECIPE,
    rule: 'without-effect',
    title: 'adapters on the fly, and none is trained',
    from: 'merge: merge.yaml',
    to: 'merge: { config: merge.yaml, adapters: on-the-fly }',
    at: 'on-the-fly',
  },
  {
    ...RECIPE,
    rule: 'unknown-name',
    title: 'a dataset that the recipe does not have',
    from: 'dataset: feedback-',
    to: 'dataset: feedbak-',
    at: 'feedbak-',
  },
  {
    ...RECIPE,
    rule: 'same-expert-twice',
    title: 'two experts trained the same way',
    from: '{ dataset: preference-collection, sft: relative.yaml }',
    to: '{ dataset: feedback-collection, sft: absolute.yaml }',
    at: 'feedback-collection, sft: absolute.yaml }\nlaunch',
    files: {
      'dataset.yaml':
        'feedback-collection:\n  source: { files: data/feedback.json }\n  columns: { user: instruction, assistant: output }\n  split: { test_size: 0.05, seed: 42 }\n',
    },
  },
  {
    ...RECIPE,
    rule: 'unpinned-revision',
    title: 'a branch of a model',
    from: '{ random: base-model.json, seed: 42, dtype: bfloat16, tokenizer: mistral-v1 }',
    to: '{ id: owner/model, revision: main }',
    at: 'main',
  },
  {
    ...RECIPE,
    rule: 'indivisible-processes',
    title: 'processes that do not fit the nodes',
    from: '{ config: cpu, processes: 1 }',
    to: '{ config: cpu, processes: 1, launcher: slurm, slurm: { nodes: 2 } }',
    at: '2 } }',
  },
  {
    ...RECIPE,
    rule: 'launch-mismatch',
    title: 'nodes without Slurm',
    from: '{ config: cpu, processes: 1 }',
    to: '{ config: cpu, processes: 1, slurm: { nodes: 1 } }',
    at: '{ nodes: 1 }',
    inSchema: true,
  },
  ...WRONG_DATASETS,
  ...WRONG_TRAININGS,
  ...WRONG_ADAPTERS,
  ...WRONG_MERGES,
];
