import { linearModules } from '@prometheus-actions/recipe';
import { activationBytes, logitBytes } from './activation-bytes.ts';
import { type GatheredBytes, gatheredBytes } from './gathered-bytes.ts';
import { chooseLevers, type Levers } from './levers.ts';
import { type StateBytes, stateBytes } from './state-bytes.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Memory of one device, in bytes. */
export interface MemoryEstimate {
  states: StateBytes;
  gathered: GatheredBytes;
  /** Of all layers, at the end of a forward pass. */
  activations: number;
  /** Of the layer that is in its backward pass, beyond what it keeps. */
  layerWork: number;
  logits: number;
  /** Most that tensors take in forward and backward passes, and in the optimizer's step. */
  peaks: { backward: number; update: number };
  /** CUDA itself, its libraries, NCCL, and what the allocator can't use. */
  overhead: number;
  /** The larger peak and the overhead: what the device must have. */
  total: number;
  /** Tokens of the largest micro-batch. */
  microBatchTokens: number;
  recompute: boolean;
  /** What the profile fast chooses; absent with parity. */
  levers?: Levers;
}

/** TRL's chunk of positions for `chunked_nll`. */
const LOSS_CHUNK = 256;
/** CUDA's context and its libraries' workspaces on one device, as measured: see docs/estimate.md. */
const CONTEXT_BYTES = 1.6e9;
/** NCCL's buffers, where several devices train: measured were 0.9 on two, with DeepSpeed 1.1. */
const NCCL_BYTES = 1.0e9;
/** Of the tensors' peak, what PyTorch's allocator holds beyond it with growing segments, as measured. */
const FRAGMENTATION = 0.02;
/** The same where DeepSpeed gathers weights; measured were 17 %, of which PyTorch gives back what is asked for. */
const DEEPSPEED_FRAGMENTATION = 0.05;

/**
 * Estimates the memory that one device needs for a training.
 *
 * The peak is that of these moments: the end of the forward pass, where all activations are there; under DeepSpeed the first
 * sum of gradients; the end of the backward pass, where all gradients are; and the optimizer's step.
 *
 * @param memoryBytes of the device, by which the profile fast chooses its micro-batches
 */
export function estimateMemory(setup: TrainingSetup, memoryBytes: number | undefined): MemoryEstimate {
  const levers = setup.profile === 'fast' ? chooseLevers(setup, memoryBytes) : undefined;
  const recompute = levers?.recompute ?? setup.recompute ?? true;
  const tokens = levers?.microBatchTokens ?? setup.perDeviceBatch * setup.rowTokens;
  const states = stateBytes(setup);
  const gathered = gatheredBytes(setup);
  // Packed rows need no mask.
  const batch = levers ? { ...setup, padded: false } : setup;
  const layer = activationBytes(batch, { compiled: levers?.compiled ?? false, rowTokens: setup.rowTokens });
  const { layers, hiddenSize } = setup.architecture;

  const perToken = recompute ? layer.checkpoint : layer.kept;
  // Behind the layers: the last norm, and the input of the output layer.
  const behind = (4 + setup.parameterBytes) * hiddenSize;
  const activations = tokens * (layers * perToken + behind);
  const layerWork = tokens * (layer.work + (recompute ? layer.kept : 0));
  const positions = setup.loss === 'chunked_nll' ? LOSS_CHUNK : tokens * setup.labelledShare;
  const logits = positions * logitBytes(setup.architecture);

  const held = states.weights + states.masterWeights + states.moments + states.gradientBuckets;
  const accumulates = levers ? true : setup.accumulation > 1;
  const gathersGradients = setup.sharding.zeroStage !== undefined && setup.sharding.zeroStage > 0;
  const sum = accumulates ? largestGradient(setup) : 0;
  // DeepSpeed has room for all gradients from its start; else a first backward pass fills it from the last layer on.
  const before = accumulates || gathersGradients ? states.gradients : 0;
  const inPasses = held + gathered.live;
  const start = inPasses + before + activations + Math.max(logits + states.casts, layerWork, gathered.buffer);
  // A bucket is full only when the layers are through whose gradients it takes.
  const left = 1 - states.bucketShare;
  const summing = inPasses + states.gradients + left * activations + layerWork + states.bucketCopy;
  const end = inPasses + states.gradients + layerWork + sum + tokens * layer.checkpoint;
  const backward = Math.max(start, states.bucketCopy > 0 ? summing : 0, end);
  const update = held + states.gradients + states.update;
  const peak = Math.max(backward, update);
  const overhead = overheadBytes(setup, peak);
  return {
    states,
    gathered,
    activations,
    layerWork,
    logits,
    peaks: { backward, update },
    overhead,
    total: peak + overhead,
    microBatchTokens: tokens,
    recompute,
    ...(levers ? { levers } : {}),
  };
}

function overheadBytes({ device, processes, sharding }: TrainingSetup, peak: number): number {
  if (device === 'cpu') return 0;
  const fragments = sharding.zeroStage === undefined ? FRAGMENTATION : DEEPSPEED_FRAGMENTATION;
  return CONTEXT_BYTES + (processes > 1 ? NCCL_BYTES : 0) + fragments * peak;
}

/** A gradient is there twice while it is added to that of earlier micro-batches. */
function largestGradient({ architecture, lora, parameterBytes }: TrainingSetup): number {
  if (lora) return 0;
  const sizes = linearModules(architecture).map(({ inFeatures, outFeatures }) => inFeatures * outFeatures);
  return parameterBytes * Math.max(...sizes);
}
