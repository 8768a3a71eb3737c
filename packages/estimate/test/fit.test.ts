import { describe, expect, it } from 'vitest';
import { checkFit, fitLines } from '../src/fit.ts';
import { parseGpu } from '../src/gpus.ts';
import { estimateMemory } from '../src/memory.ts';
import type { TrainingSetup } from '../src/training-setup.ts';
import { knownArchitecture, setupOf } from './setup-of.ts';

const ZERO3 = { zeroStage: 3, offloadOptimizer: false, offloadParameters: false } as const;
const MIXTURE = knownArchitecture('mistralai/Mixtral-8x7B-Instruct-v0.1');

describe('checkFit', () => {
  it('says that the recipe of the 7B fits the eight A100 of the paper', () => {
    const { fits, neededBytes, suggestions } = checkFit(
      setupOf({ processes: 8, sharding: ZERO3, accumulation: 2, padded: true }),
      parseGpu('8xA100-40GB'),
    );
    expect(fits).toBe(true);
    expect(neededBytes).toBeLessThan(42e9);
    expect(suggestions).toEqual([]);
  });

  it('says that no single 80 GB card trains the 7B with float32 weights, and that LoRA would', () => {
    const setup = setupOf({ parameterBytes: 4 });
    const { fits, suggestions } = checkFit(setup, parseGpu('H100'));
    expect(fits).toBe(false);
    expect(suggestions.map(({ change }) => change)).toContain('use_peft: true with lora_r: 64 on all-linear');
    expect(suggestions.every((suggestion) => suggestion.fits)).toBe(true);
  });

  it('puts what leaves the training as it is first: ZeRO-3 over all GPUs', () => {
    const { suggestions } = checkFit(setupOf({ processes: 8 }), parseGpu('8xA100-80GB'));
    expect(suggestions[0]?.change).toBe('launch.config: zero3 with 8 processes');
    expect(suggestions[0]?.fits).toBe(true);
  });

  it('takes the largest batch that fits, at the same global batch', () => {
    const setup = setupOf({
      processes: 8,
      sharding: ZERO3,
      perDeviceBatch: 16,
      accumulation: 1,
      padded: true,
    });
    const gpu = parseGpu('8xA100-40GB');
    const fit = checkFit(setup, gpu);
    expect(fit.fits).toBe(false);
    const found = fit.suggestions.find(({ change }) => change.startsWith('per_device_train_batch_size'));
    const batch = Number(/\d+/.exec(found?.change ?? '')?.[0]);
    const total = (perDeviceBatch: number) =>
      estimateMemory({ ...setup, perDeviceBatch, accumulation: 16 / perDeviceBatch }, gpu.memoryBytes).total;
    expect(total(batch)).toBeLessThanOrEqual(gpu.memoryBytes);
    expect(total(2 * batch)).toBeGreaterThan(gpu.memoryBytes);
    expect(found?.neededBytes).toBe(total(batch));
  });

  it('combines two changes where one is not enough, and gives the nearest where nothing is', () => {
    const large: Partial<TrainingSetup> = { parameterBytes: 4, recompute: false, padded: true };
    const { suggestions } = checkFit(setupOf(large), parseGpu('L40S'));
    expect(suggestions.length).toBeGreaterThan(0);
    expect(suggestions.every(({ change, fits }) => fits && change.includes(', and '))).toBe(true);
    const hopeless = checkFit(setupOf({ architecture: MIXTURE, parameterBytes: 4 }), parseGpu('RTX4090'));
    expect(hopeless.suggestions.some(({ fits }) => fits)).toBe(false);
    expect(fitLines(hopeless, parseGpu('RTX4090'))[1]).toMatch(/ GB, which does not fit either$/);
  });
});
