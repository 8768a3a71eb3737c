import { architectureOf, type ModelArchitecture } from '@prometheus-actions/recipe';
import type { TrainingSetup } from '../src/training-setup.ts';

/** The 7B of the recipes, trained in full with parity on one GPU, but for what is given. */
export function setupOf(change: Partial<TrainingSetup>): TrainingSetup {
  return {
    architecture: knownArchitecture('mistralai/Mistral-7B-Instruct-v0.2'),
    lora: undefined,
    profile: 'parity',
    device: 'gpu',
    processes: 1,
    sharding: { zeroStage: undefined, offloadOptimizer: false, offloadParameters: false },
    parameterBytes: 2,
    halfPrecision: true,
    masterWeights: false,
    optimizer: 'adamw_torch',
    perDeviceBatch: 4,
    accumulation: 1,
    rowTokens: 4096,
    labelledShare: 0.25,
    padded: false,
    recompute: true,
    microBatchTokens: undefined,
    loss: 'nll',
    attention: undefined,
    ...change,
  };
}

export function knownArchitecture(id: string): ModelArchitecture {
  const reading = architectureOf({ kind: 'hub', id, revision: 'main' });
  if (!reading || 'problem' in reading) throw new Error(`${id} is not known`);
  return reading.architecture;
}
