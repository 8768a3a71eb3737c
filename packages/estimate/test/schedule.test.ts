import path from 'node:path';
import { loadRecipe, type Recipe } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { type KnownRows, publishedRows, scheduleOf } from '../src/schedule.ts';
import { askPython, requirePython } from './python.ts';

const { recipe } = loadRecipe(path.join(PROJECT_ROOT, 'recipes/prometheus-7b-v2.0'));

describe('the rows of the published collections', () => {
  it('are split as prepare-dataset splits them', () => {
    const rows = Object.values(recipe.datasets).map((dataset) => publishedRows(dataset));
    expect(rows).toMatchObject([
      { train: 98_952, test: 1_000 },
      { train: 197_762, test: 1_998 },
    ]);
  });

  it('follow limit and split, and are not known of other data', () => {
    const dataset = recipe.datasets['feedback-collection'];
    if (!dataset) throw new Error('no dataset');
    expect(publishedRows({ ...dataset, limit: 1000, split: 'none' })).toMatchObject({ train: 1000, test: 0 });
    expect(publishedRows({ ...dataset, split: { test_size: 50, seed: 1 } })).toMatchObject({ test: 50 });
    expect(publishedRows({ ...dataset, sources: [{ files: ['rows.jsonl'] }] })).toBeUndefined();
  });
});

describe('the schedule of a training', () => {
  it('has the steps that accelerate makes of the rows', (context) => {
    requirePython(context);
    const cases = [
      { rows: 98_952, batch: 4, accumulation: 2, processes: 8 },
      { rows: 98_952, batch: 4, accumulation: 16, processes: 1 },
      { rows: 1001, batch: 4, accumulation: 3, processes: 2 },
      { rows: 5, batch: 8, accumulation: 1, processes: 4 },
      { rows: 97, batch: 3, accumulation: 2, processes: 3 },
    ];
    const program =
      'import json, sys\nfrom prometheus_trainer.fast_batches import StepLayout, parity_steps\n' +
      'print(json.dumps([len(parity_steps(range(c["rows"]), StepLayout(c["batch"], c["accumulation"], c["processes"]))) for c in json.load(sys.stdin)]))';
    const steps = askPython<number[]>({ text: program }, cases);
    const ours = cases.map(({ rows, batch, accumulation, processes }) => {
      const values = { per_device_train_batch_size: batch, gradient_accumulation_steps: accumulation };
      return schedule({ ...values, num_train_epochs: 1 }, processes, rows).steps;
    });
    expect(ours).toEqual(steps);
  }, 120_000);

  it('counts tokens, evaluations and checkpoints', () => {
    const base = { per_device_train_batch_size: 4, gradient_accumulation_steps: 2, num_train_epochs: 2 };
    const twice = schedule({ ...base, save_strategy: 'steps', save_steps: 100 }, 8, 98_952);
    expect(twice).toMatchObject({
      stepsPerEpoch: 1547,
      steps: 3094,
      examplesPerStep: 64,
      tokens: 2 * 98_952 * 1_000,
      evaluations: 2,
      checkpoints: 31,
    });
    expect(schedule({ ...base, max_steps: 10, save_strategy: 'no' }, 8, 98_952)).toMatchObject({
      steps: 10,
      tokens: Math.round((10 / 1547) * 98_952 * 1000),
      evaluations: 1,
      checkpoints: 0,
    });
    expect(schedule({ ...base, eval_strategy: 'no' }, 8, 98_952).evaluations).toBe(0);
    expect(schedule({ ...base, save_strategy: 'steps', save_steps: 0.25 }, 8, 98_952).checkpoints).toBe(4);
  });
});

function schedule(values: Record<string, unknown>, processes: number, train: number) {
  const [expert] = recipe.experts;
  if (!expert) throw new Error('no expert');
  const rows: KnownRows = { train, test: 100, meanTokens: 1000, source: 'the test' };
  const launched: Pick<Recipe, 'launch'> = { launch: { ...recipe.launch, processes } };
  return scheduleOf(launched, { ...expert, training: { ...expert.training, arguments: values } }, rows);
}
