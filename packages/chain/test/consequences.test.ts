import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadRecipe, makePlan, type Recipe, recipeDifference } from '@prometheus-actions/recipe';
import { PlainReporter, PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import type { ChainContext } from '../src/chain-context.ts';
import { runPlannedStage } from '../src/run-planned-stage.ts';

type Edit = [file: string, from: string | RegExp, to: string];

/** The stages of a recipe with the fingerprints that they really have, taken where a stage looks into a cache with it. */
async function fingerprints(recipe: Recipe): Promise<Record<string, string>> {
  const plan = makePlan(recipe, mkdtempSync(path.join(tmpdir(), 'artifacts-')));
  const taken: Record<string, string> = {};
  for (const stage of plan.stages) {
    const context: ChainContext = {
      reporter: new PlainReporter(() => {}),
      signal: new AbortController().signal,
      python: async () => ({ python: 'python', versions: { torch: '2', trl: '1', mergekit: '0' } }),
      cache: {
        restore: async (fingerprint) => {
          taken[stage.id] = fingerprint;
          throw new Error('far enough');
        },
        save: async () => {},
      },
    };
    await expect(runPlannedStage(recipe, plan, stage, context)).rejects.toThrow('far enough');
    // An output that is another one exactly when the fingerprint is.
    mkdirSync(stage.outputDir, { recursive: true });
    writeFileSync(path.join(stage.outputDir, 'output'), taken[stage.id] ?? '');
  }
  return taken;
}

/** Data and a base model on this machine, LoRA or not: nothing of it asks a hub. */
function recipeFolder(name: string): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'consequences-')), name);
  cpSync(path.join(PROJECT_ROOT, 'recipes', name), folder, { recursive: true });
  return folder;
}

const CHANGES: [title: string, edits: Edit[]][] = [
  ['nothing', []],
  ['a learning rate', [['absolute.yaml', /learning_rate: \S+/, 'learning_rate: 1.0e-5']]],
  ['a learning rate, written otherwise', [['absolute.yaml', '4.0e-3', '0.004']]],
  ['the global batch', [['relative.yaml', 'global_batch_size: 8', 'global_batch_size: 16']]],
  ['logging', [['absolute.yaml', 'logging_steps: 2', 'logging_steps: 1\nlog_level: debug']]],
  [
    'saving',
    [
      [
        'absolute.yaml',
        'save_steps: 5',
        'save_steps: 3\nmax_incomplete_share: 0.2\nsave_minutes: 10\nmax_minutes: 60',
      ],
    ],
  ],
  ['tracking', [['absolute.yaml', 'report_to: []', 'report_to: [tensorboard]\nrun_name: mine']]],
  ['when to stop', [['absolute.yaml', 'report_to: []', 'report_to: []\nstop_on: [nan, spike]']]],
  ['loading of rows', [['absolute.yaml', 'report_to: []', 'report_to: []\ndataloader_num_workers: 2']]],
  ['the profile', [['absolute.yaml', 'profile: parity', 'profile: fast']]],
  ['float16 weights', [['absolute.yaml', 'dtype: float32', 'dtype: float16']]],
  [
    'a response marker',
    [['absolute.yaml', 'profile: parity', 'profile: parity\nresponse_marker: "[/INST]"']],
  ],
  ['a chat template', [['absolute.yaml', '[INST] {{', '[INST]{{']]],
  ['a system prompt', [['dataset.yaml', 'fair judge', 'strict judge']]],
  ['a split', [['dataset.yaml', 'seed: 42 }', 'seed: 43 }']]],
  ['a split of no rows', [['dataset.yaml', /split: .*/, 'split: none']]],
  ['a limit', [['dataset.yaml', 'split:', 'limit: 10\n  split:']]],
  ['columns that are kept', [['dataset.yaml', 'split:', 'keep_columns: []\n  split:']]],
  ['a source', [['dataset.yaml', 'data/feedback.json', 'data']]],
  [
    'one more source',
    [
      [
        'dataset.yaml',
        '{ files: data/feedback.json }',
        '[{ files: data/feedback.json }, { files: data/preference.parquet }]',
      ],
    ],
  ],
  [
    'the dataset of an expert',
    [['recipe.yaml', 'dataset: preference-collection', 'dataset: feedback-collection']],
  ],
  ['the seed of the base model', [['recipe.yaml', 'seed: 42', 'seed: 43']]],
  ['the data type of the base model', [['recipe.yaml', 'dtype: bfloat16', 'dtype: float32']]],
  ['a weight of the merge', [['merge.yaml', 'weight: 1.0', 'weight: 0.5']]],
  ['a comment of the merge', [['merge.yaml', '# A', '# The']]],
  ['the seed of the merge', [['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, seed: 3 }']]],
  [
    'the donor of the merge',
    [['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, donor: "${relative}" }']],
  ],
  [
    'mergekit as the engine',
    [['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, engine: mergekit }']],
  ],
  [
    'adapters on the fly',
    [['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, adapters: on-the-fly }']],
  ],
  ['an expert that is not merged', [['merge.yaml', '- model: ${relative}', '- model: ${base}']]],
  [
    'one more expert',
    [['recipe.yaml', 'launch:', '  third: { dataset: feedback-collection, sft: absolute.yaml }\nlaunch:']],
  ],
  [
    'an expert fewer',
    [
      ['recipe.yaml', /^ {2}relative: .*$/m, ''],
      ['merge.yaml', '- model: ${relative}', '- model: ${base}'],
    ],
  ],
  ['the processes', [['recipe.yaml', 'processes: 1', 'processes: 2']]],
  ['the launcher', [['recipe.yaml', 'processes: 1', 'processes: 1, launcher: none']]],
  ['the launch config', [['recipe.yaml', 'config: cpu', 'config: ddp']]],
];

describe.each(['smoke-7b', 'smoke-8x7b'])(
  'for %s, what is foretold of the stages is what their fingerprints say',
  (name) => {
    it.each(CHANGES)('%s', async (_, edits) => {
      const folder = recipeFolder(name);
      const { recipe: before } = loadRecipe(folder);
      const old = await fingerprints(before);
      for (const [file, from, to] of edits) {
        const text = readFileSync(path.join(folder, file), 'utf8');
        const changed = text.replace(from, () => to);
        expect(changed, `${file} has ${from}`).not.toBe(text);
        writeFileSync(path.join(folder, file), changed);
      }
      const { recipe: after } = loadRecipe(folder);
      const now = await fingerprints(after);
      const real = Object.keys({ ...now, ...old }).map((id) => {
        if (!(id in old)) return [id, 'is new'];
        if (!(id in now)) return [id, 'is gone'];
        return [id, old[id] === now[id] ? 'stays' : 'runs again'];
      });
      expect(recipeDifference(before, after).stages.map(({ id, fate }) => [id, fate])).toEqual(real);
    });

    it('other contents of a data file and of the base model', async () => {
      const folder = recipeFolder(name);
      const { recipe } = loadRecipe(folder);
      const old = await fingerprints(recipe);
      for (const file of ['data/feedback.json', 'base-model.json']) {
        const before = readFileSync(path.join(folder, file), 'utf8');
        writeFileSync(
          path.join(folder, file),
          before.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)),
        );
        const now = await fingerprints(recipe);
        const again = Object.keys(now).filter((id) => now[id] !== old[id]);
        const { stages } = recipeDifference(recipe, recipe, (changed) => changed === path.join(folder, file));
        expect(stages.filter(({ fate }) => fate === 'runs again').map(({ id }) => id)).toEqual(again);
        expect(again.length).toBeGreaterThan(2);
        writeFileSync(path.join(folder, file), before);
      }
    });
  },
);
