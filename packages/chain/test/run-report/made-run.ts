import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  loadRecipe,
  makePlan,
  type Plan,
  type PlannedStage,
  plannedSettings,
  type Recipe,
} from '@prometheus-actions/recipe';
import { type Json, PlainReporter, PROJECT_ROOT, runStage } from '@prometheus-actions/stage';
import { chainContext } from '../../src/chain-context.ts';
import { trainingLogFile } from '../../src/loss-curve.ts';
import { runPlannedStage } from '../../src/run-planned-stage.ts';

export interface MadeRun {
  recipe: Recipe;
  plan: Plan;
}

/** A copy of a smoke recipe, and a plan with an empty folder for its outputs. */
export function plannedRun(name = 'smoke-7b'): MadeRun & { folder: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'run-report-'));
  cpSync(path.join(PROJECT_ROOT, 'recipes', name), path.join(folder, name), { recursive: true });
  const { recipe } = loadRecipe(path.join(folder, name), {});
  return { recipe, plan: makePlan(recipe, path.join(folder, 'runs')), folder };
}

/**
 * Makes outputs of a plan, all or those of the first so many stages. Data is prepared as always; what needs Python writes a
 * small file in its place, with metrics as it has them. Manifests, fingerprints and digests are made as always.
 */
export async function makeRun({ recipe, plan }: MadeRun, stages = plan.stages.length): Promise<void> {
  for (const stage of plan.stages.slice(0, stages)) {
    if (stage.stage === 'prepare-dataset') await runPlannedStage(recipe, plan, stage, CONTEXT);
    else await makeInPlaceOf(stage, recipe, plan);
    if (stage.stage === 'sft-train') writeTrainingLog(stage.outputDir, STEPS);
  }
}

/** Of the smoke recipe. */
export const STEPS = 20;

/** The log of a training that has come to a step, as the trainer writes it. */
export function writeTrainingLog(outputDir: string, steps: number): void {
  const train = Array.from({ length: steps / 2 }, (_, index) => ({
    step: 2 * (index + 1),
    loss: 10.5 - 0.35 * index,
    learning_rate: 0.001,
    grad_norm: 1,
    tokens: 6500 * (index + 1),
  }));
  const evaluation = steps === STEPS ? [{ step: STEPS, loss: 7.1 }] : [];
  writeFileSync(trainingLogFile(outputDir), JSON.stringify({ train, evaluation }));
}

const CONTEXT = chainContext({ reporter: new PlainReporter(() => {}), signal: new AbortController().signal });

async function makeInPlaceOf(stage: PlannedStage, recipe: Recipe, plan: Plan): Promise<void> {
  const inputs = stage.needs.map((id) => [id, { paths: [outputOf(plan, id)] }]);
  await runStage(
    {
      name: stage.stage,
      title: stage.id,
      outputDir: stage.outputDir,
      settings: plannedSettings(recipe, stage, (file) => JSON.parse(readFileSync(file, 'utf8')) as Json),
      inputs: Object.fromEntries(inputs),
      revision: 1,
      versions: { torch: '2.13.0' },
      resumable: false,
      run: async ({ stagingDir }) => {
        writeFileSync(path.join(stagingDir, 'weights'), stage.id);
        return { metrics: METRICS[stage.stage] ?? {} };
      },
    },
    CONTEXT,
  );
}

export function outputOf(plan: Plan, id: string): string {
  return plan.stages.find((stage) => stage.id === id)?.outputDir ?? '';
}

const METRICS: Record<string, Json> = {
  'base-model': { tensors: 21, parameters: 4_465_472, bytes_written: 8_935_656, seconds: 0.5 },
  'sft-train': {
    steps: STEPS,
    epochs: 0.5,
    train_loss_first: 9.416,
    train_loss_last: 7.297,
    eval_loss: 7.1,
    rows_without_label: 3,
    rows_with_cut_answer: 1234,
    test_rows_without_label: 0,
    test_rows_with_cut_answer: 5,
    tokens: 65_000,
    seconds: 34.3,
    trainable_parameters: 4_465_472,
    peak_memory_bytes: 1_679_237_120,
  },
  'model-merge': {
    method: 'linear',
    models: ['${absolute}', '${relative}'],
    donor: '${absolute}',
    tensors: 21,
    bytes_read: 32_100_000,
    bytes_written: 10_700_000,
    shards_kept: 0,
    seconds: 2.4,
    comparison: {
      base: true,
      sampled_elements: 86_016,
      models: ['${absolute}', '${relative}'],
      pairs: [{ models: [0, 1], distance: 0.01234, cosine: 0.4321, sign_conflict: 0.3127, equal: 0.0512 }],
      changed: [0.91, 0.8888],
      layers: [
        { layer: 'embeddings', distance: 0.002, cosine: null, sign_conflict: null, changed: [0.05, 0.04] },
        { layer: 0, distance: 0.0101, cosine: 0.5, sign_conflict: 0.25, changed: [0.95, 0.9] },
        { layer: 1, distance: 0.0204, cosine: -0.125, sign_conflict: 0.5, changed: [0.96, 0.92] },
      ],
    },
  },
};
