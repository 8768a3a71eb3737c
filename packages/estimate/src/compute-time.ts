import type { Gpus } from './gpus.ts';
import type { Schedule } from './schedule.ts';
import { flopsPerToken } from './trained-parameters.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Time that a training takes on named GPUs. */
export interface ComputeTime {
  /** Floating-point operations that the model needs, evaluations included; what is computed twice is not in it. */
  modelFlops: number;
  /** Those that are done: with recomputation a forward pass more. */
  doneFlops: number;
  /** Share of the peak that `doneFlops` are done at. */
  utilisation: number;
  /** The same for `modelFlops`: MFU as a run prints it. */
  mfu: number;
  gpuHours: number;
  hours: number;
}

/**
 * Share of the dense bfloat16 peak at which operations are done, what is computed twice included, as measured on one H200
 * with sft-train's benchmark (docs/benchmarks.md): parity 24.6 % MFU recomputes a forward pass, 8/6 of it; fast 58.4 %
 * recomputes nothing. A mixture's experts are small products one after the other: of its shape 8,215 and 22,228
 * tokens a second.
 */
const UTILISATION = {
  parity: { dense: 0.33, mixture: 0.18 },
  fast: { dense: 0.58, mixture: 0.33 },
};

/**
 * GPU-hours of a training: the operations of its tokens by those that the GPUs do in a second at the stated utilisation.
 *
 * @returns undefined for a GPU without bfloat16, and for a training on a CPU
 */
export function computeTime(
  setup: TrainingSetup,
  { recompute }: { recompute: boolean },
  schedule: Pick<Schedule, 'tokens' | 'evaluationTokens'>,
  gpu: Gpus,
): ComputeTime | undefined {
  if (gpu.bf16Flops === undefined || setup.device === 'cpu') return undefined;
  const { training, forward } = flopsPerToken(setup.architecture, setup.lora);
  const evaluation = forward * schedule.evaluationTokens;
  const modelFlops = training * schedule.tokens + evaluation;
  const doneFlops = modelFlops + (recompute ? forward * schedule.tokens : 0);
  const utilisation = UTILISATION[setup.profile][setup.architecture.experts ? 'mixture' : 'dense'];
  const seconds = doneFlops / (gpu.bf16Flops * utilisation);
  return {
    modelFlops,
    doneFlops,
    utilisation,
    mfu: (utilisation * modelFlops) / doneFlops,
    gpuHours: seconds / 3600,
    hours: seconds / 3600 / setup.processes,
  };
}
