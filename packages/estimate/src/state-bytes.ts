import { trainedParameters } from './trained-parameters.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Bytes that one device holds whatever the batch is. */
export interface StateBytes {
  weights: number;
  /** float32 weights, or their lower halves, behind weights of 16 bits. */
  masterWeights: number;
  gradients: number;
  /** DDP's buckets, or DeepSpeed's, in which gradients are summed over the devices. */
  gradientBuckets: number;
  /** The optimizer's moments. */
  moments: number;
  /** DeepSpeed's copy of a full bucket of gradients while they are summed up. */
  bucketCopy: number;
  /** Of all gradients, those that fill that bucket. */
  bucketShare: number;
  /** What the optimizer's step takes while it runs. */
  update: number;
  /** Copies of weights in 16 bits that autocast keeps during a forward pass. */
  casts: number;
}

/** DeepSpeed's defaults, in elements: `reduce_bucket_size`, `sub_group_size`. */
const REDUCE_BUCKET = 5e8;
const SUB_GROUP = 1e9;

/** Bytes of the moments for each trained parameter of `bytes` bytes, by TRL's `optim`; of AdamW where it is not known. */
function momentBytes(optimizer: string, bytes: number): number {
  if (/8bit/.test(optimizer)) return 2;
  if (/^(sgd|adafactor)/.test(optimizer)) return 0;
  return 2 * bytes;
}

/** What one device holds of weights, gradients and optimizer. */
export function stateBytes(setup: TrainingSetup): StateBytes {
  const { sharding } = setup;
  return sharding.zeroStage === undefined || sharding.zeroStage === 0 ? replicated(setup) : sharded(setup);
}

function replicated(setup: TrainingSetup): StateBytes {
  const { architecture, lora, parameterBytes, halfPrecision, optimizer, processes, masterWeights } = setup;
  const { total, trainable } = trainedParameters(architecture, lora);
  // PEFT holds adapters in float32.
  const trainedBytes = lora ? 4 : parameterBytes;
  const gradients = trainable * trainedBytes;
  // torch's AdamW steps for all tensors at once, with the roots of all second moments; fused, it needs none.
  const atOnce = optimizer === 'adamw_torch' && !masterWeights;
  return {
    weights: (total - trainable) * parameterBytes + trainable * trainedBytes,
    masterWeights: masterWeights ? 2 * trainable : 0,
    gradients,
    gradientBuckets: processes > 1 ? gradients : 0,
    moments: trainable * (masterWeights ? 8 : momentBytes(optimizer, trainedBytes)),
    bucketCopy: 0,
    bucketShare: 0,
    update: atOnce ? gradients : 0,
    casts: halfPrecision && trainedBytes === 4 ? 2 * trainable : 0,
  };
}

/**
 * DeepSpeed holds weights in 16 bits, and float32 weights and moments of those that are trained, the share of a device
 * (Rajbhandari et al. 2020, arXiv 1910.02054): stage 1 shares the optimizer's states out, 2 gradients too, 3 weights too.
 */
function sharded({ architecture, lora, processes, sharding }: TrainingSetup): StateBytes {
  const { total, trainable } = trainedParameters(architecture, lora);
  const stage = sharding.zeroStage ?? 0;
  const share = trainable / processes;
  const { offloadOptimizer, offloadParameters } = sharding;
  const inBucket = Math.min(trainable, REDUCE_BUCKET);
  const group = stage === 3 ? Math.min(share, SUB_GROUP) : share;
  return {
    weights: stage < 3 ? 2 * total : offloadParameters ? 0 : (2 * total) / processes,
    masterWeights: offloadOptimizer ? 0 : 4 * share,
    gradients: stage < 2 ? 2 * trainable : offloadOptimizer ? 0 : 2 * share,
    gradientBuckets: 2 * REDUCE_BUCKET,
    moments: offloadOptimizer ? 0 : 8 * share,
    bucketCopy: 2 * inBucket,
    bucketShare: inBucket / trainable,
    // Gradients in float32, and what torch's AdamW takes, of the parameters that are stepped together.
    update: offloadOptimizer ? 0 : 8 * group,
    casts: 0,
  };
}
