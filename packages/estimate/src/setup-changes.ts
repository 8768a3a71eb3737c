import type { Gpus } from './gpus.ts';
import type { TrainingSetup } from './training-setup.ts';

/** A change of a training that takes less memory. */
export interface SetupChange {
  /** In the keys of a recipe. */
  text: string;
  /** Of the changes of one kind the mildest that fits is suggested. */
  kind: string;
  /** Whether something else is learnt then: rows are cut, or fewer weights or digits of them are trained. */
  otherResult: boolean;
  setup: TrainingSetup;
}

type Change = Pick<SetupChange, 'text'> & { kind?: string; change: Partial<TrainingSetup> };

const ZERO3 = { zeroStage: 3, offloadOptimizer: false, offloadParameters: false } as const;
const SHORTEST_ROW = 1024;
/** LoRA on every layer of a transformer block, at a rank that is common for it. */
const SUGGESTED_RANK = 64;

/** What can be changed so that a device needs less, each by itself. */
export function possibleChanges(setup: TrainingSetup, gpus: Gpus): SetupChange[] {
  const whole = (otherResult: boolean) => {
    return ({ text, kind, change }: Change): SetupChange => ({
      text,
      kind: kind ?? text,
      otherResult,
      setup: { ...setup, ...change },
    });
  };
  return [...sameResult(setup, gpus).map(whole(false)), ...otherResult(setup).map(whole(true))];
}

/** The same examples in the same steps, laid out otherwise. */
function sameResult(setup: TrainingSetup, { count }: Gpus): Change[] {
  const { sharding, perDeviceBatch, accumulation, profile, recompute } = setup;
  const processes = Math.max(setup.processes, count);
  const found: Change[] = [];
  if (sharding.zeroStage !== 3 && processes > 1) {
    const change = { sharding: ZERO3, processes, masterWeights: false };
    found.push({ text: `launch.config: zero3 with ${processes} processes`, change });
  }
  if (sharding.zeroStage === 3) found.push(...moreDevices(setup));
  if (sharding.zeroStage === 3 && !sharding.offloadOptimizer) {
    const change = { sharding: { ...sharding, offloadOptimizer: true } };
    found.push({ text: 'offload_optimizer_device: cpu in the launch config', change });
  }
  if (recompute === false || (profile === 'fast' && recompute === undefined))
    found.push({ text: 'gradient_checkpointing: true', change: { recompute: true } });
  if (profile === 'fast' && setup.microBatchTokens !== undefined)
    found.push({
      text: 'no micro_batch_tokens, so that memory decides',
      change: { microBatchTokens: undefined },
    });
  // Micro-batches of fast are bounded by tokens, not by rows.
  const batches = profile === 'parity' ? smaller(perDeviceBatch) : [];
  return [
    ...found,
    ...batches.map((batch) => ({
      text: `per_device_train_batch_size: ${batch} with the same global_batch_size`,
      kind: 'per_device_train_batch_size',
      change: {
        perDeviceBatch: batch,
        accumulation: (accumulation * perDeviceBatch) / batch,
        padded: batch > 1,
      },
    })),
  ];
}

/** The global batch stays: half as many micro-batches a device, or where there is one, one half as large. */
function moreDevices({ processes, accumulation, perDeviceBatch }: TrainingSetup): Change[] {
  const text = `launch.processes: ${2 * processes} on as many GPUs`;
  if (accumulation % 2 === 0)
    return [{ text, change: { processes: 2 * processes, accumulation: accumulation / 2 } }];
  if (perDeviceBatch % 2 === 0)
    return [{ text, change: { processes: 2 * processes, perDeviceBatch: perDeviceBatch / 2 } }];
  return [];
}

/** Fewer weights are trained, with fewer digits, or on shorter rows. */
function otherResult({ parameterBytes, masterWeights, lora, rowTokens, sharding }: TrainingSetup): Change[] {
  const found: Change[] = [];
  if (parameterBytes === 4 && sharding.zeroStage === undefined)
    found.push({
      text: 'dtype: bfloat16',
      change: { parameterBytes: 2, halfPrecision: true, masterWeights: !lora },
    });
  if (masterWeights) found.push({ text: 'master_weights: false', change: { masterWeights: false } });
  if (!lora) {
    const adapters = {
      rank: SUGGESTED_RANK,
      targets: 'all-linear',
      dropout: 0,
      dora: false,
      modulesToSave: [],
    };
    const text = `use_peft: true with lora_r: ${SUGGESTED_RANK} on all-linear`;
    found.push({ text, change: { lora: adapters, masterWeights: false } });
  }
  for (let length = Math.floor(rowTokens / 2); length >= SHORTEST_ROW; length = Math.floor(length / 2)) {
    const text = `max_length: ${length}, which cuts longer rows`;
    found.push({ text, kind: 'max_length', change: { rowTokens: length } });
  }
  return found;
}

/** Halves of a batch, as long as they are whole. */
function smaller(batch: number): number[] {
  return batch % 2 === 0 ? [batch / 2, ...smaller(batch / 2)] : batch > 1 ? [1] : [];
}
