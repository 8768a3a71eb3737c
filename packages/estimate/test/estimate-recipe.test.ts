import path from 'node:path';
import { architectureOf, loadRecipe } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import {
  type EstimateOptions,
  estimateMarkdown,
  estimateRecipe,
  estimateText,
  misfit,
  parseGpu,
  type RecipeEstimate,
} from '../src/index.ts';
import { checkpointBytes } from '../src/storage.ts';
import { askPython, requirePython } from './python.ts';
import { setupOf } from './setup-of.ts';

describe('the estimate of a shipped recipe', () => {
  it('is that of the 7B: full tuning under ZeRO-3 on eight GPUs', () => {
    const estimate = estimateOf('prometheus-7b-v2.0', { gpu: parseGpu('8xA100-40GB') });
    const [absolute, relative] = estimate.experts;
    expect(absolute).toMatchObject({
      parameters: { total: 7_241_732_096, trainable: 7_241_732_096 },
      schedule: { steps: 1547, examplesPerStep: 64, checkpoints: 16, evaluations: 1 },
      memory: { recompute: true, microBatchTokens: 4 * 4096 },
      fit: { fits: true },
    });
    // Two bytes a parameter for weights and gradients, 4 for weights in float32, 8 for moments: an eighth of each.
    expect(absolute?.memory.states).toMatchObject({
      weights: (2 * 7_241_732_096) / 8,
      gradients: (2 * 7_241_732_096) / 8,
      masterWeights: (4 * 7_241_732_096) / 8,
      moments: 7_241_732_096,
    });
    expect(relative?.schedule?.steps).toBe(3091);
    expect(misfit(estimate)).toBeUndefined();
    const { downloads, checkpoints } = estimate.storage;
    expect(downloads.map(({ bytes }) => bytes)).toEqual([2 * 7_241_732_096, 1.02e9, 6 * 117e6]);
    expect(checkpoints[0]?.atOnce).toBe(2 * 14 * 7_241_732_096);
    expect(checkpoints[0]?.spare).toBe(14 * 7_241_732_096);
    expect(estimateText(estimate)).toMatch(/checkpoints of absolute +\S+ \S+; with room, \S+ \S+\n/);
    // 6 operations a parameter and token, without the input embedding, by a third of 8 × 312 TFLOP/s at 6/8 of that.
    const flops = 6 * (7_241_732_096 - 32_000 * 4096) * 98_952 * 1_215;
    const hours = (flops * (8 / 6)) / (0.33 * 312e12) / 3600;
    expect(absolute?.time?.gpuHours).toBeGreaterThan(0.99 * hours);
    expect(absolute?.time?.gpuHours).toBeLessThan(1.02 * hours);
  });

  it('is that of the 8x7B: adapters of 3.85 billion parameters, each merged into 93 GB', () => {
    const estimate = estimateOf('prometheus-8x7b-v2.0', {});
    // r × (inputs + outputs): q and o, k and v, then the three of each expert; and lm_head.
    const layer = 2 * (4096 + 4096) + 2 * (4096 + 1024) + 8 * 3 * (4096 + 14336);
    expect(estimate.experts[0]?.parameters.trainable).toBe(256 * (32 * layer + 4096 + 32000));
    const artifacts = Object.fromEntries(estimate.storage.artifacts.map(({ id, bytes }) => [id, bytes]));
    expect(artifacts['lora-merge/absolute']).toBe(2 * 46_702_792_704);
    expect(estimate.gpuHours).toBeUndefined();
    expect(estimate.experts[0]).not.toHaveProperty('fit');
  });

  it('follows the rows that are known', () => {
    const rows = { train: 304, test: 16, meanTokens: 400, longestTokens: 700, source: 'the prepared data' };
    const estimate = estimateOf('smoke-7b', { rows: { 'feedback-collection': rows } });
    const [absolute, relative] = estimate.experts;
    expect(absolute?.memory.microBatchTokens).toBeLessThan(relative?.memory.microBatchTokens ?? 0);
    expect(absolute?.schedule?.rows.train).toBe(304);
    expect(relative).not.toHaveProperty('schedule');
    expect(estimate.assumptions.join('\n')).toMatch(/preference-collection are not known before/);
  });

  it('looks at no GPU where training is on the CPU', () => {
    const estimate = estimateOf('smoke-8x7b', { gpu: parseGpu('RTX3090') });
    expect(estimate.experts[0]).not.toHaveProperty('fit');
    expect(estimate.assumptions).toContain(
      'training is on the CPU by its launch config: the GPU is not looked at',
    );
  });
});

describe('what people read', () => {
  const tight = estimateOf('prometheus-8x7b-v2.0', { gpu: parseGpu('8xA100-40GB') });

  it('is a table for each subject, and what to change', () => {
    const text = estimateText(tight);
    expect(text).toMatch(
      /^prometheus-8x7b-v2\.0: mixtral, 46\.70 billion parameters, 12\.88 billion a token; 8 proc/,
    );
    expect(text).toMatch(/\n {2}steps +774 +1,546\n/);
    expect(text).toMatch(
      /absolute, relative: does not fit: [\d.]+ GB a GPU, and A100-40GB has 42\.3 GB\n {2}\S/,
    );
    for (const line of text.split('\n')) expect(line).toBe(line.trimEnd());
  });

  it('is a job summary with the same figures', () => {
    const markdown = estimateMarkdown(tight);
    expect(markdown).toMatch(/^### What prometheus-8x7b-v2\.0 costs: mixtral/);
    expect(markdown).toMatch(/\n\| steps \| 774 \| 1,546 \|\n/);
    expect(markdown).toMatch(/\n❌ absolute, relative: does not fit: /);
    const tables = markdown.split('\n').filter((line) => line.startsWith('|'));
    for (const line of tables) expect([2, 3]).toContain(line.split(' | ').length);
  });

  it('names what does not fit in one message', () => {
    expect(misfit(tight)).toEqual({
      message: expect.stringMatching(/^absolute, relative: does not fit: /),
      hint: expect.stringMatching(/^Change one of these: /),
    });
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(tight))).toEqual(tight);
  });
});

it('counts checkpoints as the trainer does before it trains', (context) => {
  requirePython(context);
  const program =
    'import json, sys\nfrom prometheus_trainer.disk_space import checkpoint_bytes\n' +
    'print(json.dumps([checkpoint_bytes(c.pop("trainable"), **c) for c in json.load(sys.stdin)]))';
  const trainable = 7_241_732_096;
  const bytes = askPython<number[]>({ text: program }, [
    { trainable, parameter_bytes: 2, deepspeed: false, master_weights: false },
    { trainable, parameter_bytes: 2, deepspeed: false, master_weights: true },
    { trainable, parameter_bytes: 2, deepspeed: true, master_weights: false },
    { trainable, parameter_bytes: 4, deepspeed: false, master_weights: false },
  ]);
  const zero3 = { zeroStage: 3, offloadOptimizer: false, offloadParameters: false } as const;
  const setups = [{}, { masterWeights: true }, { sharding: zero3 }, { parameterBytes: 4 }];
  expect(setups.map((change) => checkpointBytes(setupOf(change)))).toEqual(bytes);
});

function estimateOf(name: string, options: Partial<EstimateOptions>): RecipeEstimate {
  const { recipe } = loadRecipe(path.join(PROJECT_ROOT, 'recipes', name));
  const reading = architectureOf(recipe.baseModel);
  if (!reading || 'problem' in reading) throw new Error(`${name}: no architecture`);
  return estimateRecipe(recipe, { ...options, architecture: reading.architecture });
}
