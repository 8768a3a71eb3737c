import type { ModelArchitecture } from '@prometheus-actions/recipe';
import { trainedParameters } from './trained-parameters.ts';
import type { TrainingSetup } from './training-setup.ts';

/** What the profile fast chooses on a device: how a micro-batch is laid out and whether activations are recomputed. */
export interface Levers {
  compiled: boolean;
  recompute: boolean;
  /** At most so many tokens in a micro-batch, but for a longer row. */
  microBatchTokens: number;
}

/** The constants of the trainer's `levers.py`. */
const MOST_TOKENS = 16_384;
const FEW_TOKENS = 4_096;
const USABLE = 0.92;
const ZERO3_LIVE_PARAMETERS = 1e9;

/**
 * What the trainer's `levers.py` chooses, by its own formulas, which are coarser than the estimate's.
 *
 * @param memoryBytes of the device; undefined where it is not known: memory then does not bound the choice
 */
export function chooseLevers(setup: TrainingSetup, memoryBytes: number | undefined): Levers {
  const { architecture, rowTokens, attention, sharding, device } = setup;
  const onGpu = device === 'gpu';
  const room =
    onGpu && memoryBytes !== undefined
      ? USABLE * memoryBytes - statesByLevers(setup)
      : Number.POSITIVE_INFINITY;
  const fitting = (bytesPerToken: number) =>
    room === Number.POSITIVE_INFINITY ? MOST_TOKENS : Math.max(0, Math.trunc(room / bytesPerToken));
  const kept = fitting(keptByLevers(architecture));
  const recompute = setup.recompute ?? kept < Math.max(rowTokens, FEW_TOKENS);
  const most = attention === 'sdpa' || !onGpu || !setup.halfPrecision ? FEW_TOKENS : MOST_TOKENS;
  const tokens =
    setup.microBatchTokens ??
    Math.max(rowTokens, Math.min(most, recompute ? fitting(recomputedByLevers(architecture)) : kept));
  return {
    compiled: onGpu && sharding.zeroStage === undefined && !architecture.experts,
    recompute,
    microBatchTokens: Math.max(tokens, rowTokens),
  };
}

/** `kept_bytes_per_token` of levers.py. */
export function keptByLevers(architecture: ModelArchitecture): number {
  const { hiddenSize: h, layers } = architecture;
  return 2 * (7 * h + 3 * innerSize(architecture)) * layers + logitsByLevers(architecture);
}

/** `recomputed_bytes_per_token` of levers.py. */
export function recomputedByLevers(architecture: ModelArchitecture): number {
  const { hiddenSize: h, layers } = architecture;
  return 2 * h * layers + 4 * (9 * h + 4 * innerSize(architecture)) + logitsByLevers(architecture);
}

/** `state_bytes` and `zero3_state_bytes` of levers.py. */
export function statesByLevers(setup: TrainingSetup): number {
  const { architecture, lora, processes, parameterBytes, masterWeights, sharding } = setup;
  const { total, trainable } = trainedParameters(architecture, lora);
  if (sharding.zeroStage !== undefined) {
    return (2 * total + 14 * trainable) / processes + 2 * Math.min(total, ZERO3_LIVE_PARAMETERS);
  }
  const gradients = (processes === 1 ? 1 : 2) * parameterBytes;
  return total * parameterBytes + trainable * (gradients + (masterWeights ? 10 : 2 * parameterBytes));
}

function innerSize({ intermediateSize, experts }: ModelArchitecture): number {
  return intermediateSize * (experts?.perToken ?? 1);
}

function logitsByLevers({ vocabSize }: ModelArchitecture): number {
  return 0.25 * vocabSize * (2 + 4 + 4);
}
