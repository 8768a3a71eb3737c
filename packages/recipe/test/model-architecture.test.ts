import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
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
    // The file may be one that nobody meant to show: of a value of another kind its kind is told.
    [{ ...CONFIG, hidden_size: 'SECRET' }, 'hidden_size is a text, not a whole number above 0'],
    [{ ...CONFIG, hidden_size: ['SECRET'] }, 'hidden_size is a list, not a whole number above 0'],
    [{ ...CONFIG, hidden_size: { a: 'SECRET' } }, 'hidden_size is an object, not a whole number above 0'],
    [{ ...CONFIG, hidden_size: true }, 'hidden_size is true or false, not a whole number above 0'],
    [{ ...CONFIG, hidden_size: 1e400 }, 'hidden_size is Infinity, not a whole number above 0'],
    [{ ...CONFIG, model_type: ['SECRET'] }, 'model_type is a list, not the name of a model type'],
    [{ ...CONFIG, model_type: 'SE CRET' }, 'model_type is a text, not the name of a model type'],
    [{ ...CONFIG, torch_dtype: { toString: 1 } }, 'dtype is an object, not a text'],
    [{ ...CONFIG, hidden_size: 1e300 }, 'hidden_size is 1e+300, and no model has more than 134217728'],
    [
      { ...CONFIG, num_hidden_layers: 1e9 },
      'num_hidden_layers is 1000000000, and no model has more than 2000',
    ],
    [
      {
        ...CONFIG,
        model_type: 'mixtral',
        num_hidden_layers: 2000,
        num_local_experts: 1000,
        num_experts_per_tok: 2,
      },
      'num_hidden_layers times num_local_experts is 2000000, and no model has so many',
    ],
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

  it.each([
    ['deep lists', '['.repeat(1000) + ']'.repeat(1000), 'its lists and objects are more than 64 deep'],
    ['deeper ones than a stack', '{"a":'.repeat(500_000), 'the file is not JSON'],
    ['more than settings have', JSON.stringify({ a: 'x'.repeat(5 << 20) }), 'is not a file of settings'],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 'the file is in UTF-16'],
    ['nothing', '', 'the file is not JSON'],
    ['null', 'null', 'the config is not an object'],
  ])('names a file with %s', (_, content, problem) => {
    writeFileSync(file, content);
    expect(architectureOf({ kind: 'path', path: folder })).toMatchObject({
      problem: expect.stringContaining(problem),
    });
  });

  it('reads nothing without an end', () => {
    const linked = mkdtempSync(path.join(tmpdir(), 'architecture-'));
    symlinkSync('/dev/zero', path.join(linked, 'config.json'));
    expect(architectureOf({ kind: 'path', path: linked })).toMatchObject({
      problem: expect.stringContaining('is not a file of settings'),
    });
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
