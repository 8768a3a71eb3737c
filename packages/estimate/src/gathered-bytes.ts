import { trainedParameters } from './trained-parameters.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Weights of 16 bits that ZeRO-3 has gathered from all devices, in bytes. */
export interface GatheredBytes {
  /** There at a time, at most. */
  live: number;
  /** The buffer that a block of experts comes in. It is copied from there, before the block runs. */
  buffer: number;
}

/** DeepSpeed's default of `stage3_max_live_parameters`. */
const LIVE_PARAMETERS = 1e9;

/**
 * What ZeRO-3 gathers: nothing on one device, which has all weights; else 10⁹ parameters, or the block of experts that the
 * trainer has it gather as a whole, where that is larger.
 */
export function gatheredBytes(setup: TrainingSetup): GatheredBytes {
  const { architecture, lora, processes, sharding } = setup;
  if (sharding.zeroStage !== 3 || processes === 1) return { live: 0, buffer: 0 };
  const { hiddenSize, intermediateSize, layers, experts } = architecture;
  const { total, trainable } = trainedParameters(architecture, lora);
  const adapters = lora ? trainable / layers : 0;
  const block = experts ? 3 * experts.count * hiddenSize * intermediateSize + adapters : 0;
  const atATime = Math.min(total, Math.max(LIVE_PARAMETERS, block));
  return { live: 2 * atATime, buffer: 2 * block };
}
