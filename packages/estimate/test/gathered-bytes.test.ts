import { describe, expect, it } from 'vitest';
import { gatheredBytes } from '../src/gathered-bytes.ts';
import { knownArchitecture, setupOf } from './setup-of.ts';

const sharding = { zeroStage: 3 as const, offloadOptimizer: false, offloadParameters: false };
const mixtral = knownArchitecture('mistralai/Mixtral-8x7B-Instruct-v0.1');
const lora = { rank: 16, targets: ['q_proj'], dropout: 0, dora: false, modulesToSave: [] };
// Eight experts of three matrices of 4,096 × 14,336.
const BLOCK = 8 * 3 * 4096 * 14_336;

describe('weights that ZeRO-3 gathers', () => {
  it('are none on one device, and none without ZeRO-3', () => {
    expect(gatheredBytes(setupOf({ sharding }))).toEqual({ live: 0, buffer: 0 });
    expect(gatheredBytes(setupOf({ processes: 8 }))).toEqual({ live: 0, buffer: 0 });
  });

  it('are at most a billion of a dense model', () => {
    expect(gatheredBytes(setupOf({ processes: 8, sharding }))).toEqual({ live: 2e9, buffer: 0 });
  });

  it('are a block of experts, in its buffer too', () => {
    const setup = setupOf({ architecture: mixtral, processes: 8, sharding });
    expect(gatheredBytes(setup)).toEqual({ live: 2 * BLOCK, buffer: 2 * BLOCK });
  });

  it('are no more with a LoRA, but for the adapters in a block', () => {
    const setup = setupOf({ architecture: mixtral, lora, processes: 8, sharding });
    expect(gatheredBytes(setup).live).toBe(2 * (BLOCK + 16 * (4096 + 4096)));
  });
});
