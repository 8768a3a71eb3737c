import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { architectureOf, linearModules, readArchitecture } from '../src/index.ts';

const CONFIG = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 100,
};

// Parameter counts are compared with transformers' in packages/estimate/test.
const { hidden_size: _hidden, ...WITHOUT_HIDDEN } = CONFIG;

describe('readArchitecture', () => {
  it('takes what a config leaves out as transformers does', () => {
    expect(readArchitecture(CONFIG)).toMatchObject({
      architecture: { keyValueHeads: 4, headDim: 16, tiedEmbeddings: false, dtype: 'float32' },
    });
    expect(readArchitecture({ ...CONFIG, model_type: 'gemma', head_dim: 32 })).toMatchObject({
      architecture: { headDim: 32, tiedEmbeddings: true },
    });
    expect(readArchitecture({ ...CONFIG, torch_dtype: 'bfloat16' })).toMatchObject({
      architecture: { dtype: 'bfloat16' },
    });
  });

  it('takes a type that it does not know for a dense model, and says so', () => {
    const reading = readArchitecture({ ...CONFIG, model_type: 'newer' });
    expect(reading).toMatchObject({
      notice: 'the model type newer is not known: taken for a dense model like llama',
    });
    const known = readArchitecture(CONFIG);
    if ('problem' in reading || 'problem' in known) throw new Error('not read');
    expect(reading.architecture.parameters).toEqual(known.architecture.parameters);
  });

  it.each([
    ['text', 'the config is not an object'],
    [{ ...CONFIG, model_type: undefined }, 'model_type is missing'],
    [{ ...WITHOUT_HIDDEN, hidden_sise: 64 }, 'hidden_size is missing (Did you mean hidden_sise?)'],
    [{ ...CONFIG, vocab_size: 0 }, 'vocab_size is 0, not a whole number above 0'],
    [
      { ...CONFIG, model_type: 'newer', num_experts: 8 },
      'newer has experts (num_experts), and of these mixtral alone is known',
    ],
    [
      { model_type: 'gemma3', text_config: CONFIG },
      'gemma3 is a model of several parts (text_config): its size is not known here',
    ],
  ])('explains what it can not read: %j', (config, problem) => {
    const reading = readArchitecture(config);
    expect(reading).toEqual({ problem });
  });
});

describe('architectureOf', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'architecture-'));
  const file = path.join(folder, 'config.json');

  it('reads a folder, and a random model in the type that its weights are made in', () => {
    writeFileSync(file, JSON.stringify({ ...CONFIG, torch_dtype: 'float16' }));
    expect(architectureOf({ kind: 'path', path: folder })).toMatchObject({
      architecture: { dtype: 'float16' },
    });
    const random = { kind: 'random', configFile: file, seed: 0, dtype: 'bfloat16', tokenizer: 'x' } as const;
    expect(architectureOf(random)).toMatchObject({ architecture: { dtype: 'bfloat16' } });
  });

  it('names the file that is wrong', () => {
    writeFileSync(file, '{');
    expect(architectureOf({ kind: 'path', path: folder })).toMatchObject({
      problem: expect.stringContaining(`${file}: the file is not JSON`),
    });
  });
});

it('gives the linear layers by the names that LoRA targets go by', () => {
  const mixture = readArchitecture({
    ...CONFIG,
    model_type: 'mixtral',
    num_local_experts: 8,
    num_experts_per_tok: 2,
  });
  if ('problem' in mixture) throw new Error(mixture.problem);
  const modules = linearModules(mixture.architecture);
  expect(modules.map(({ name, count, perToken }) => [name, count, perToken])).toEqual([
    ['q_proj', 2, 2],
    ['k_proj', 2, 2],
    ['v_proj', 2, 2],
    ['o_proj', 2, 2],
    ['gate', 2, 2],
    ['w1', 16, 4],
    ['w2', 16, 4],
    ['w3', 16, 4],
    ['lm_head', 1, 1],
  ]);
  expect(modules.find(({ name }) => name === 'w2')).toMatchObject({ inFeatures: 160, outFeatures: 64 });
});
