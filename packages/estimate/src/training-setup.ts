import {
  type Expert,
  keepsMasterWeights,
  type Launch,
  type ModelArchitecture,
  type Recipe,
} from '@prometheus-actions/recipe';
import type { Lora } from './lora.ts';

/** How states are spread over the devices. */
interface Sharding {
  /** DeepSpeed's ZeRO stage; undefined without DeepSpeed: every device holds everything. */
  zeroStage: 0 | 1 | 2 | 3 | undefined;
  /** Master weights, moments and gradients are in the host's memory. */
  offloadOptimizer: boolean;
  /** The weights are in the host's memory, but for those that are in use. */
  offloadParameters: boolean;
}

/** What memory and time of one expert's training follow from. */
export interface TrainingSetup {
  architecture: ModelArchitecture;
  lora: Lora | undefined;
  profile: 'parity' | 'fast';
  device: 'gpu' | 'cpu';
  processes: number;
  sharding: Sharding;
  /** Bytes of a parameter of the base model: 2 or 4. */
  parameterBytes: number;
  /** Matrix products are computed in 16 bits. */
  halfPrecision: boolean;
  /** float32 weights behind bfloat16 ones, by the trainer's split AdamW. */
  masterWeights: boolean;
  /** TRL's `optim`. */
  optimizer: string;
  perDeviceBatch: number;
  /** Micro-batches of a device in one optimizer step, as parity counts them. */
  accumulation: number;
  /** Tokens of the longest row that is trained on. */
  rowTokens: number;
  /** Of a row's tokens, those that have a label. */
  labelledShare: number;
  /** Rows of different lengths are padded, which takes a mask. */
  padded: boolean;
  /** Activations are computed again; undefined leaves it to the profile fast. */
  recompute: boolean | undefined;
  /** Most tokens of a micro-batch of the profile fast; undefined leaves it to the trainer. */
  microBatchTokens: number | undefined;
  loss: 'nll' | 'chunked_nll';
  /** transformers' name; undefined leaves it to the trainer. */
  attention: string | undefined;
}

/** A quarter of a judge's row is the answer, as in the published collections; the trainer's levers assume it too. */
const LABELLED_SHARE = 0.25;
/** What the trainer, TRL and transformers take where a recipe says nothing. */
const DEFAULT_MAX_LENGTH = 4096;
const DEFAULT_BATCH = 8;
const DEFAULT_RANK = 16;
const DEFAULT_DROPOUT = 0.05;

/**
 * How an expert is trained, from the recipe and its launch config.
 *
 * @param longestRow tokens of the longest row, where it is known; otherwise rows of full length are assumed
 */
export function trainingSetup(
  { launch }: Pick<Recipe, 'launch'>,
  { training }: Expert,
  architecture: ModelArchitecture,
  longestRow: number | undefined,
): TrainingSetup {
  const values = training.arguments;
  const maxLength = values.max_length === null ? undefined : number(values.max_length, DEFAULT_MAX_LENGTH);
  const longest = [maxLength, longestRow, architecture.maxPositions].filter((length) => length !== undefined);
  const perDeviceBatch = number(values.per_device_train_batch_size, DEFAULT_BATCH);
  const onCpu = launch.config.use_cpu === true || values.use_cpu === true;
  const dtype = values.dtype === undefined ? 'float32' : String(values.dtype);
  const sixteenBits = /^(torch\.)?(bfloat16|float16)$/;
  const parameterBytes = sixteenBits.test(dtype === 'auto' ? architecture.dtype : dtype) ? 2 : 4;
  return {
    architecture,
    lora: values.use_peft === true ? loraOf(values) : undefined,
    profile: training.profile,
    device: onCpu ? 'cpu' : 'gpu',
    processes: launch.processes,
    sharding: shardingOf(launch),
    parameterBytes,
    // TRL computes in bfloat16 unless it is told otherwise; on a CPU the trainer leaves it out.
    halfPrecision: parameterBytes === 2 || values.fp16 === true || (values.bf16 !== false && !onCpu),
    masterWeights: keepsMasterWeights(training, launch, architecture.dtype) === true,
    optimizer: String(values.optim ?? 'adamw_torch'),
    perDeviceBatch,
    accumulation: number(values.gradient_accumulation_steps, 1),
    rowTokens: longest.length > 0 ? Math.min(...longest) : DEFAULT_MAX_LENGTH,
    labelledShare: LABELLED_SHARE,
    padded: perDeviceBatch > 1,
    recompute:
      training.profile === 'fast'
        ? (values.gradient_checkpointing as boolean | undefined)
        : values.gradient_checkpointing !== false,
    microBatchTokens: training.microBatchTokens,
    loss: values.loss_type === 'chunked_nll' ? 'chunked_nll' : 'nll',
    attention: values.attn_implementation as string | undefined,
  };
}

/** What the launch config says of DeepSpeed. */
function shardingOf({ config }: Launch): Sharding {
  if (config.distributed_type !== 'DEEPSPEED')
    return { zeroStage: undefined, offloadOptimizer: false, offloadParameters: false };
  const deepspeed = (config.deepspeed_config ?? {}) as Record<string, unknown>;
  const stage = Number(deepspeed.zero_stage ?? 2); // accelerate's own default
  const elsewhere = (value: unknown) => value === 'cpu' || value === 'nvme';
  return {
    zeroStage: stage === 0 || stage === 1 || stage === 2 ? stage : 3,
    offloadOptimizer: elsewhere(deepspeed.offload_optimizer_device),
    offloadParameters: elsewhere(deepspeed.offload_param_device),
  };
}

function loraOf(values: Record<string, unknown>): Lora {
  const targets = values.lora_target_modules ?? undefined;
  const names = Array.isArray(targets) ? targets.map(String) : undefined;
  return {
    rank: number(values.lora_r, DEFAULT_RANK),
    // TRL makes a text of a list of one: [all-linear] is all-linear.
    targets: names?.length === 1 ? names[0] : (names ?? (targets as string | undefined)),
    dropout: number(values.lora_dropout, DEFAULT_DROPOUT),
    dora: values.use_dora === true,
    modulesToSave: Array.isArray(values.lora_modules_to_save) ? values.lora_modules_to_save.map(String) : [],
  };
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
