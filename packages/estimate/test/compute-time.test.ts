import { expect, it } from 'vitest';
import { computeTime } from '../src/compute-time.ts';
import { parseGpu } from '../src/gpus.ts';
import type { TrainingSetup } from '../src/training-setup.ts';
import { knownArchitecture, setupOf } from './setup-of.ts';

const MIXTURE = {
  architecture: eightLayers(),
  lora: {
    rank: 256,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'w1', 'w2', 'w3', 'lm_head'],
    dropout: 0.1,
    dora: false,
    modulesToSave: [],
  },
};

/** docs/benchmarks.md and the measurements behind it, on one H200: tokens a second. */
const MEASURED: { name: string; change: Partial<TrainingSetup>; recompute: boolean; rate: number }[] = [
  { name: 'parity, 7B', change: {}, recompute: true, rate: 5_686 },
  { name: 'parity, 7B, activations kept', change: {}, recompute: false, rate: 8_086 },
  { name: 'fast, 7B', change: { profile: 'fast' }, recompute: false, rate: 13_534 },
  {
    name: 'fast, 7B, float32 weights behind',
    change: { profile: 'fast', masterWeights: true },
    recompute: false,
    rate: 13_307,
  },
  { name: 'parity, 8 layers of the 8x7B', change: MIXTURE, recompute: true, rate: 8_215 },
  {
    name: 'fast, 8 layers of the 8x7B',
    change: { ...MIXTURE, profile: 'fast' },
    recompute: false,
    rate: 22_228,
  },
];

it.each(MEASURED)(
  'estimates the speed that was measured within 10 %: $name',
  ({ change, recompute, rate }) => {
    const schedule = { tokens: 1e6, evaluationTokens: 0 };
    const time = computeTime(setupOf(change), { recompute }, schedule, parseGpu('H200'));
    const estimated = 1e6 / ((time?.gpuHours ?? 0) * 3600);
    expect(estimated / rate).toBeGreaterThan(0.9);
    expect(estimated / rate).toBeLessThan(1.1);
  },
);

it('is silent about GPUs without bfloat16', () => {
  const schedule = { tokens: 1e6, evaluationTokens: 0 };
  expect(computeTime(setupOf({}), { recompute: true }, schedule, parseGpu('V100-32GB'))).toBeUndefined();
});

function eightLayers() {
  const whole = knownArchitecture('mistralai/Mixtral-8x7B-Instruct-v0.1');
  const share = 8 / 32;
  const outside = 2 * whole.vocabSize * whole.hiddenSize + whole.hiddenSize;
  const { total, active } = whole.parameters;
  return {
    ...whole,
    layers: 8,
    parameters: {
      total: outside + share * (total - outside),
      active: outside + share * (active - outside),
    },
  };
}
