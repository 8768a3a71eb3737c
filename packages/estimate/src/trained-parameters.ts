import type { ModelArchitecture } from '@prometheus-actions/recipe';
import { adapterParameters, type Lora } from './lora.ts';

/** Counts of what a training holds and moves. */
export interface TrainedParameters {
  /** Of the model, adapters included. */
  total: number;
  trainable: number;
}

/** Parameters of a model that is trained, in full or as a LoRA. */
export function trainedParameters(
  architecture: ModelArchitecture,
  lora: Lora | undefined,
): TrainedParameters {
  const { total } = architecture.parameters;
  if (!lora) return { total, trainable: total };
  const adapters = adapterParameters(architecture, lora).total;
  return { total: total + adapters, trainable: adapters };
}

/**
 * Floating-point operations that a token takes in a training step, and those of them that are the forward pass's.
 *
 * For each parameter that a token is multiplied with: 2 forward, 2 backward for the layer below, 2 more where it is
 * trained (Kaplan et al. 2020, arXiv 2001.08361, table 1), as `model_flops.py` of the trainer counts them. An untied
 * input embedding is looked up and does not count; attention scores are left out.
 */
export function flopsPerToken(
  architecture: ModelArchitecture,
  lora: Lora | undefined,
): { training: number; forward: number } {
  const { parameters, tiedEmbeddings, vocabSize, hiddenSize } = architecture;
  const multiplied = parameters.active - (tiedEmbeddings ? 0 : vocabSize * hiddenSize);
  if (!lora) return { training: 6 * multiplied, forward: 2 * multiplied };
  const adapters = adapterParameters(architecture, lora).active;
  return { training: 4 * multiplied + 6 * adapters, forward: 2 * (multiplied + adapters) };
}
