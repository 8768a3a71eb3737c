import {
  type DatasetSection,
  type Expert,
  isLora,
  type ModelArchitecture,
  type Recipe,
} from '@prometheus-actions/recipe';
import type { Schedule } from './schedule.ts';
import { trainedParameters } from './trained-parameters.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Disk and network of a run, in bytes; undefined where a size is not known. */
export interface StorageEstimate {
  /** By stage: what it leaves in the folder of artifacts. */
  artifacts: { id: string; bytes: number | undefined }[];
  /**
   * By expert: all checkpoints that are there at a time, the one that is being written included; and `spare`, the one
   * before the newest, which stays as well while the disk has room. 0: none.
   */
  checkpoints: { expert: string; one: number; atOnce: number; spare: number }[];
  /** Most that the artifacts and the checkpoints of one expert take together; what is not known is left out. */
  disk: number;
  /** What is fetched from the hub. */
  downloads: { what: string; bytes: number | undefined }[];
}

/** The published collections' files on the hub: one JSON array, and six Parquet files; bytes. */
const PUBLISHED_BYTES: Record<string, { download: number; source: number }> = {
  'prometheus-eval/Feedback-Collection': { download: 1.02e9, source: 1.02e9 },
  'prometheus-eval/Preference-Collection': { download: 6 * 117e6, source: 2.93e9 },
};
/** Prepared data by its source, text against text: the messages repeat two columns (docs/benchmarks.md, prepare). */
const PREPARED_SHARE = 1.5;

/** What the disks must hold and what is fetched. */
export function storageOf(
  recipe: Recipe,
  architecture: ModelArchitecture,
  experts: readonly { expert: Expert; setup: TrainingSetup; schedule: Schedule | undefined }[],
): StorageEstimate {
  const { total } = architecture.parameters;
  const model = total * dtypeBytes(architecture.dtype);
  const artifacts: StorageEstimate['artifacts'] = [];
  const add = (id: string, bytes: number | undefined) => artifacts.push({ id, bytes });
  if (recipe.baseModel.kind === 'random') add('base-model', model);
  for (const name of new Set(recipe.experts.map(({ dataset }) => dataset)))
    add(`prepare-dataset/${name}`, preparedBytes(recipe.datasets[name]));
  for (const { expert, setup } of experts) add(`sft-train/${expert.name}`, expertBytes(setup));
  if (recipe.merge.adapters === 'first')
    for (const expert of recipe.experts.filter(isLora)) add(`lora-merge/${expert.name}`, model);
  add('model-merge', model);

  const checkpoints = experts.map(({ expert, setup, schedule }) => {
    const one = checkpointBytes(setup);
    const limit = expert.training.arguments.save_total_limit;
    const saved = schedule?.checkpoints ?? Number.POSITIVE_INFINITY;
    // The one before is deleted when the new one is whole.
    const kept = limit === null ? saved : (typeof limit === 'number' ? limit : 1) + 1;
    const atOnce = one * Math.min(kept, saved === Number.POSITIVE_INFINITY ? 2 : saved);
    return {
      expert: expert.name,
      one,
      atOnce: saved === 0 ? lastWeightsBytes(setup) : atOnce,
      spare: kept === 2 && saved > 2 ? one : 0,
    };
  });
  const known = artifacts.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  return {
    artifacts,
    checkpoints,
    disk: known + Math.max(0, ...checkpoints.map(({ atOnce }) => atOnce)),
    downloads: [
      ...(recipe.baseModel.kind === 'hub' ? [{ what: recipe.baseModel.id, bytes: model }] : []),
      ...hubSources(recipe).map((id) => ({ what: id, bytes: PUBLISHED_BYTES[id]?.download })),
    ],
  };
}

/**
 * What a checkpoint takes: trained weights and the optimizer's state, as the trainer's `disk_space.py` counts them.
 *
 * DeepSpeed keeps float32 weights and two moments in float32; split AdamW the lower halves of the weights and such moments.
 */
export function checkpointBytes(setup: TrainingSetup): number {
  const { trainable } = trainedParameters(setup.architecture, setup.lora);
  const parameter = setup.lora ? 4 : setup.parameterBytes;
  const optimizer = setup.sharding.zeroStage !== undefined ? 12 : setup.masterWeights ? 10 : 2 * parameter;
  return trainable * (parameter + optimizer);
}

/** Where no checkpoint is asked for, the weights of the last step are kept until the run has ended; not by DeepSpeed. */
function lastWeightsBytes(setup: TrainingSetup): number {
  return setup.sharding.zeroStage !== undefined ? 0 : expertBytes(setup);
}

/** Weights of a finished expert: those of the model, or of the adapter, which PEFT keeps in float32. */
function expertBytes({ architecture, lora, parameterBytes, sharding }: TrainingSetup): number {
  const { trainable } = trainedParameters(architecture, lora);
  return trainable * (sharding.zeroStage !== undefined ? 2 : lora ? 4 : parameterBytes);
}

function preparedBytes(dataset: DatasetSection | undefined): number | undefined {
  if (!dataset || dataset.keep_columns !== undefined || dataset.limit !== undefined) return undefined;
  let sum = 0;
  for (const source of dataset.sources) {
    const bytes = 'hub' in source ? PUBLISHED_BYTES[source.hub]?.source : undefined;
    if (bytes === undefined) return undefined;
    sum += bytes * PREPARED_SHARE;
  }
  return sum;
}

function hubSources({ datasets, experts }: Recipe): string[] {
  const used = new Set(experts.map(({ dataset }) => dataset));
  const ids = Object.entries(datasets).flatMap(([name, { sources }]) =>
    used.has(name) ? sources.flatMap((source) => ('hub' in source ? [source.hub] : [])) : [],
  );
  return [...new Set(ids)];
}

function dtypeBytes(dtype: string): number {
  return /16/.test(dtype) ? 2 : 4;
}
