import type { WrongRecipe } from './wrong-recipes.ts';

const DATASET = { file: 'dataset.yaml' };

/** Mistakes in the dataset file of a recipe; each is found at its place, and nothing else is. */
export const WRONG_DATASETS: WrongRecipe[] = [
  {
    ...DATASET,
    rule: 'unused-name',
    title: 'a dataset that no expert is trained on',
    from: 'preference-collection:',
    to: 'spare:\n  source: { files: data/feedback.json }\n  columns: { user: instruction, assistant: output }\n  split: none\npreference-collection:',
    at: 'spare',
  },
  {
    ...DATASET,
    rule: 'unpinned-revision',
    title: 'a dataset of the hub at no commit',
    from: '{ files: data/feedback.json }',
    to: '{ hub: owner/judgements }',
    at: 'owner/judgements',
  },
  {
    ...DATASET,
    rule: 'without-effect',
    title: 'a revision of files',
    from: '{ files: data/feedback.json }',
    to: '{ files: data/feedback.json, revision: main }',
    at: 'main',
  },
  {
    ...DATASET,
    rule: 'bad-value',
    title: 'neither files nor hub',
    from: '{ files: data/feedback.json }',
    to: '{ revision: main }',
    at: '{ revision',
  },
  {
    ...DATASET,
    rule: 'bad-value',
    title: 'messages beside the columns that they would be made of',
    from: '{ user: instruction,',
    to: '{ messages: talk, user: instruction,',
    at: '{ messages',
  },
  {
    ...DATASET,
    rule: 'bad-value',
    title: 'a system prompt before messages that are there',
    from: '{ user: instruction, assistant: output }',
    to: '{ messages: talk }',
    at: '>-',
  },
  {
    ...DATASET,
    rule: 'bad-value',
    title: 'a share of rows below 0',
    from: 'test_size: 0.05',
    to: 'test_size: -0.05',
    at: '-0.05',
  },
  {
    ...DATASET,
    rule: 'missing-key',
    title: 'a split without a seed',
    from: '{ test_size: 0.05, seed: 42 } # the',
    to: '{ test_size: 0.05 } # the',
    at: 'split',
  },
];
