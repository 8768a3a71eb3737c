import type { Json } from '@prometheus-actions/stage';
import type { Launch } from './launch.ts';
import { keepsMasterWeights } from './master-weights.ts';
import type { BaseModel } from './read-base-model.ts';
import type { Merge } from './read-merge.ts';
import type { DatasetSection } from './recipe-schema.ts';
import type { TrainingSection } from './training-schema.ts';

/*
 * What of a recipe enters the fingerprint of each stage beside its inputs. The stages take it from here, and so does who
 * wants to know beforehand what a change makes run again.
 */

/** Arguments that change what is logged, saved or how fast it goes, and no weight: changing one trains nothing again. */
const ARGUMENTS_WITHOUT_EFFECT = new Set([
  'dataloader_num_workers',
  'dataloader_persistent_workers',
  'dataloader_pin_memory',
  'dataloader_prefetch_factor',
  'dataset_num_proc',
  'disable_tqdm',
  'hub_model_id',
  'log_level',
  'logging_first_step',
  'logging_nan_inf_filter',
  'logging_steps',
  'logging_strategy',
  'project',
  'push_to_hub',
  'report_to',
  'run_name',
  'save_steps',
  'save_strategy',
  'save_total_limit',
]);

/** Keys of an accelerate config that say where and how processes meet, and change no weight. */
const LAUNCH_KEYS_WITHOUT_EFFECT = new Set([
  'compute_environment',
  'debug',
  'enable_cpu_affinity',
  'gpu_ids',
  'machine_rank',
  'main_process_ip',
  'main_process_port',
  'main_training_function',
  'num_machines',
  'num_processes',
  'rdzv_backend',
  'rdzv_conf',
  'same_network',
]);

/** Settings of sft-train: a type, so that what is taken off them for a resumed run is checked. */
export type TrainingStageSettings = ReturnType<typeof trainingSettings>;

/** What decides the weights of an expert, beside the base model and the data. */
export function trainingSettings(training: TrainingSection, launch: Launch) {
  const all = { ...(training.arguments as Record<string, Json>), ...argumentsOnCpu(launch) };
  return {
    profile: training.profile,
    chat_template: training.chatTemplate ?? null,
    response_marker: training.responseMarker ?? null,
    micro_batch_tokens: training.microBatchTokens ?? null,
    master_weights: keepsMasterWeights(training, launch),
    arguments: without(ARGUMENTS_WITHOUT_EFFECT, all),
    // Not the launcher, nor the nodes, but how many processes there are.
    processes: launch.processes,
    launch: without(LAUNCH_KEYS_WITHOUT_EFFECT, launch.config as Record<string, Json>),
  };
}

/** The trainer must know, too: accelerate tells it about a CPU in some of its launch modes only. */
export function argumentsOnCpu({ config }: Launch): Record<string, Json> {
  return config.use_cpu === true ? { use_cpu: true } : {};
}

/** How the rows of its sources are prepared. */
export function datasetSettings({ sources: _, ...dataset }: DatasetSection): Json {
  return JSON.parse(JSON.stringify(dataset)) as Json;
}

/** How the models that it names are merged. */
export function mergeSettings({ config, seed, engine, donor }: Merge) {
  return { config: config as Json, seed, engine, donor: donor ?? null };
}

/** How an adapter is merged into its base model; `dtype` is the base's own when absent. */
export function adapterSettings(dtype?: string) {
  return { dtype: dtype ?? null };
}

/** What random weights are made from; `config` is what stands in the file that the recipe names. */
export function baseModelSettings(
  { seed, dtype, tokenizer }: Omit<Extract<BaseModel, { kind: 'random' }>, 'kind' | 'configFile'>,
  config: Json,
) {
  return { config, seed, dtype, tokenizer };
}

function without(left: ReadonlySet<string>, all: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !left.has(key)));
}
