import type { RecipeEstimate } from '@prometheus-actions/estimate';
import type { Plan, Recipe } from '@prometheus-actions/recipe';
import type { Manifest } from '@prometheus-actions/stage';
import type { LossCurve } from '../loss-curve.ts';
import { planEstimate } from '../plan-estimate.ts';
import { gpuHoursOf, gpusOf, onGpu, trainingHours } from './training-cost.ts';

/** One expert's training: what was planned, what was measured, and its losses. */
export interface ExpertReport {
  name: string;
  planned?: TrainingCost;
  actual?: TrainingCost & MeasuredTraining;
  /** Of a training that has not finished, too. */
  curve?: LossCurve;
}

/** Quantities that an estimate and a training both have. */
export interface TrainingCost {
  steps?: number;
  tokens?: number;
  /**
   * Bytes: the most that tensors take on one GPU; of a training on a CPU, what was measured is the most that the whole
   * first process took.
   */
  peakMemoryBytes?: number;
  hours?: number;
  gpuHours?: number;
}

interface MeasuredTraining {
  device: 'GPU' | 'CPU';
  /** As CUDA names it. */
  gpu?: string;
  processes?: number;
  lossFirst?: number;
  lossLast?: number;
  /** At the last step. */
  evaluationLoss?: number;
  /** Absent from manifests of before they were counted. */
  rowsWithoutLabel?: number;
  rowsWithCutAnswer?: number;
  testRowsWithoutLabel?: number;
  testRowsWithCutAnswer?: number;
}

/** The estimate of the run, or why there is none. */
export type PlannedCost = RecipeEstimate | { problem: string };

/** What the run was to cost, on the GPU that the first trained expert names; without it, hours are not estimated. */
export async function plannedCost(
  planned: { recipe: Recipe; plan: Plan },
  manifests: ReadonlyMap<string, Manifest>,
  signal?: AbortSignal,
): Promise<PlannedCost> {
  const [gpus] = [...manifests.values()].flatMap((manifest) => gpusOf(manifest) ?? []);
  try {
    return await planEstimate(planned, gpus, signal);
  } catch (error) {
    // A run that was cancelled, or whose manifests don't fit the recipe, has a report all the same.
    return { problem: (error as Error).message };
  }
}

/** The trainings of a plan, in its order. */
export function expertReports(
  plan: Plan,
  manifests: ReadonlyMap<string, Manifest>,
  curves: ReadonlyMap<string, LossCurve>,
  cost: PlannedCost,
): ExpertReport[] {
  return plan.experts.map((name) => {
    const id = `sft-train/${name}`;
    const manifest = manifests.get(id);
    const curve = curves.get(id);
    const planned = 'problem' in cost ? undefined : cost.experts.find((expert) => expert.name === name);
    return {
      name,
      ...(planned && { planned: plannedTraining(planned) }),
      ...(manifest && { actual: measuredTraining(manifest) }),
      ...(curve && { curve }),
    };
  });
}

function plannedTraining({ schedule, memory, time }: RecipeEstimate['experts'][number]): TrainingCost {
  return {
    ...(schedule && { steps: schedule.steps, tokens: schedule.tokens }),
    // What a training measures is what tensors took: CUDA itself comes on top of both.
    peakMemoryBytes: Math.max(memory.peaks.backward, memory.peaks.update),
    ...(time && { hours: time.hours, gpuHours: time.gpuHours }),
  };
}

function measuredTraining(manifest: Manifest): TrainingCost & MeasuredTraining {
  const metrics = manifest.metrics as Record<string, unknown>;
  const { processes } = manifest.settings as { processes?: unknown };
  const gpuHours = gpuHoursOf(manifest);
  return {
    ...numbers({
      steps: metrics.steps,
      tokens: metrics.tokens,
      peakMemoryBytes: metrics.peak_memory_bytes,
      hours: trainingHours(manifest),
      gpuHours,
      processes,
      lossFirst: metrics.train_loss_first,
      lossLast: metrics.train_loss_last,
      evaluationLoss: metrics.eval_loss,
      rowsWithoutLabel: metrics.rows_without_label,
      rowsWithCutAnswer: metrics.rows_with_cut_answer,
      testRowsWithoutLabel: metrics.test_rows_without_label,
      testRowsWithCutAnswer: metrics.test_rows_with_cut_answer,
    }),
    device: onGpu(manifest) ? 'GPU' : 'CPU',
    ...(typeof metrics.gpu === 'string' && { gpu: metrics.gpu }),
  };
}

/** Those of the values that are numbers. */
function numbers<Key extends string>(values: Record<Key, unknown>): { [name in Key]?: number } {
  const found = Object.entries(values).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(found) as { [name in Key]?: number };
}
