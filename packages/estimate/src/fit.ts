import { formatBytes } from '@prometheus-actions/stage';
import type { Gpus } from './gpus.ts';
import { estimateMemory } from './memory.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Whether a training fits on a GPU, and what to change where it does not. */
export interface Fit {
  fits: boolean;
  /** What a device must have, and has. */
  neededBytes: number;
  availableBytes: number;
  /** The change that leaves most room first; those that fit, or where none does, those that get nearest. */
  suggestions: Suggestion[];
}

export interface Suggestion {
  /** The change, in the keys of a recipe. */
  change: string;
  /** What a device would need with it. */
  neededBytes: number;
  fits: boolean;
}

interface Change {
  text: string;
  /** Of the changes of one kind the mildest that fits is suggested. */
  kind: string;
  setup: TrainingSetup;
}

const MOST_SUGGESTIONS = 4;
const SHORTEST_ROW = 1024;
/** LoRA on every layer of a transformer block, at a rank that is common for it. */
const SUGGESTED_RANK = 64;

/** Compares what a training needs with a GPU's memory; suggestions are estimated as the training itself is. */
export function checkFit(setup: TrainingSetup, gpu: Gpus): Fit {
  const availableBytes = gpu.memoryBytes;
  const needed = (candidate: TrainingSetup) => estimateMemory(candidate, availableBytes).total;
  const neededBytes = needed(setup);
  const fits = neededBytes <= availableBytes;
  if (fits) return { fits, neededBytes, availableBytes, suggestions: [] };

  const weigh = (change: Change) => {
    const bytes = needed(change.setup);
    return { ...change, bytes, fits: bytes <= availableBytes };
  };
  const single = changes(setup, gpu)
    .map(weigh)
    .filter(({ bytes }) => bytes < neededBytes);
  let found = single.filter((change) => change.fits);
  if (found.length === 0) {
    const pairs = single
      .flatMap((first) =>
        changes(first.setup, gpu).map((second) =>
          weigh({
            text: `${first.text}, and ${second.text}`,
            kind: `${first.kind} and ${second.kind}`,
            setup: second.setup,
          }),
        ),
      )
      .filter((pair) => single.every(({ bytes }) => pair.bytes < bytes));
    found = pairs.some((pair) => pair.fits) ? pairs.filter((pair) => pair.fits) : [...single, ...pairs];
  }
  const suggestions = mildestOfEachKind(found)
    .sort((a, b) => a.bytes - b.bytes)
    .slice(0, MOST_SUGGESTIONS)
    .map(({ text, bytes, fits }) => ({ change: text, neededBytes: bytes, fits }));
  return { fits, neededBytes, availableBytes, suggestions };
}

/** A line for the fit, and one for each suggestion. */
export function fitLines({ fits, neededBytes, availableBytes, suggestions }: Fit, gpu: Gpus): string[] {
  const verdict = `${formatBytes(neededBytes)} a GPU, and ${gpu.name} has ${formatBytes(availableBytes)}`;
  if (fits) return [`fits: ${verdict}`];
  return [
    `does not fit: ${verdict}`,
    ...suggestions.map(
      ({ change, neededBytes: bytes, fits }) =>
        `${change}: ${formatBytes(bytes)}${fits ? '' : ', which does not fit either'}`,
    ),
  ];
}

/** Of those that fit the one that needs most, which changes least; where none of a kind fits, the one that needs least. */
function mildestOfEachKind<Weighed extends { kind: string; bytes: number; fits: boolean }>(
  found: readonly Weighed[],
): Weighed[] {
  const sorted = found.toSorted((a, b) => a.bytes - b.bytes);
  const kinds = new Map(sorted.toReversed().map((change) => [change.kind, change]));
  for (const change of sorted) if (change.fits) kinds.set(change.kind, change);
  return [...kinds.values()];
}

/** What can be changed, each by itself. */
function changes(setup: TrainingSetup, { count }: Gpus): Change[] {
  const { sharding, perDeviceBatch, accumulation, lora, rowTokens, parameterBytes, profile } = setup;
  const found: Change[] = [];
  const add = (text: string, change: Partial<TrainingSetup>, kind = text) =>
    found.push({ text, kind, setup: { ...setup, ...change } });
  const processes = Math.max(setup.processes, count);
  const zero3 = { zeroStage: 3, offloadOptimizer: false, offloadParameters: false } as const;
  if (sharding.zeroStage !== 3 && processes > 1) {
    add(`launch.config: zero3 with ${processes} processes`, {
      sharding: zero3,
      processes,
      masterWeights: false,
    });
  }
  if (sharding.zeroStage === 3) {
    // The global batch stays: half as many micro-batches a device, or where there is one, one half as large.
    const halved =
      accumulation % 2 === 0
        ? { accumulation: accumulation / 2 }
        : perDeviceBatch % 2 === 0
          ? { perDeviceBatch: perDeviceBatch / 2 }
          : undefined;
    if (halved)
      add(`launch.processes: ${2 * processes} on as many GPUs`, { processes: 2 * processes, ...halved });
    if (!sharding.offloadOptimizer)
      add('offload_optimizer_device: cpu in the launch config', {
        sharding: { ...sharding, offloadOptimizer: true },
      });
  }
  if (setup.recompute === false || (profile === 'fast' && setup.recompute === undefined))
    add('gradient_checkpointing: true', { recompute: true });
  // Micro-batches of fast are bounded by tokens, not by rows.
  if (profile === 'parity') {
    for (let batch = Math.floor(perDeviceBatch / 2); batch >= 1; batch = Math.floor(batch / 2)) {
      if (perDeviceBatch % batch !== 0) continue;
      const padded = batch > 1;
      add(
        `per_device_train_batch_size: ${batch} with the same global_batch_size`,
        {
          perDeviceBatch: batch,
          accumulation: (accumulation * perDeviceBatch) / batch,
          padded,
        },
        'per_device_train_batch_size',
      );
    }
  }
  if (profile === 'fast' && setup.microBatchTokens !== undefined && setup.microBatchTokens > rowTokens)
    add('no micro_batch_tokens, so that memory decides', { microBatchTokens: undefined });
  if (parameterBytes === 4) add('dtype: bfloat16', { parameterBytes: 2, halfPrecision: true });
  if (setup.masterWeights) add('no master_weights', { masterWeights: false });
  if (!lora) {
    const adapters = {
      rank: SUGGESTED_RANK,
      targets: 'all-linear',
      dropout: 0,
      dora: false,
      modulesToSave: [],
    };
    add(`use_peft: true with lora_r: ${SUGGESTED_RANK} on all-linear`, {
      lora: adapters,
      masterWeights: false,
    });
  }
  for (let length = rowTokens / 2; length >= SHORTEST_ROW; length /= 2)
    add(`max_length: ${length}, which cuts longer rows`, { rowTokens: length }, 'max_length');
  return found;
}
