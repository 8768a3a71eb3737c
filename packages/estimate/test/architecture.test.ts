import {
  architectureOf,
  linearModules,
  type ModelArchitecture,
  readArchitecture,
} from '@prometheus-actions/recipe';
import { describe, expect, it } from 'vitest';
import type { Lora } from '../src/lora.ts';
import { flopsPerToken, trainedParameters } from '../src/trained-parameters.ts';
import { askPython, requirePython } from './python.ts';

const SMALL = {
  hidden_size: 64,
  intermediate_size: 224,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 1000,
  pad_token_id: 0,
};
const MIXTRAL = { ...SMALL, model_type: 'mixtral', num_local_experts: 4, num_experts_per_tok: 2 };
const FULL = {
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 32000,
};
const ORIGINAL_LORA = {
  use_peft: true,
  lora_r: 256,
  lora_dropout: 0.1,
  lora_target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'w1', 'w2', 'w3', 'lm_head'],
};

interface Case {
  config: Record<string, unknown>;
  arguments: Record<string, unknown> | null;
}

const CASES: Record<string, Case> = {
  mistral: { config: { ...SMALL, model_type: 'mistral' }, arguments: null },
  'mistral, size of heads stated': {
    config: { ...SMALL, model_type: 'mistral', head_dim: 48 },
    arguments: null,
  },
  mixtral: { config: MIXTRAL, arguments: null },
  llama: { config: { ...SMALL, model_type: 'llama' }, arguments: null },
  'llama with biases': {
    config: { ...SMALL, model_type: 'llama', attention_bias: true, mlp_bias: true },
    arguments: null,
  },
  'llama, tied': { config: { ...SMALL, model_type: 'llama', tie_word_embeddings: true }, arguments: null },
  qwen2: { config: { ...SMALL, model_type: 'qwen2' }, arguments: null },
  qwen3: { config: { ...SMALL, model_type: 'qwen3', head_dim: 32 }, arguments: null },
  gemma: { config: { ...SMALL, model_type: 'gemma', head_dim: 32 }, arguments: null },
  gemma2: { config: { ...SMALL, model_type: 'gemma2', head_dim: 32 }, arguments: null },
  gemma3_text: { config: { ...SMALL, model_type: 'gemma3_text', head_dim: 32 }, arguments: null },
  'Mistral 7B': { config: { ...FULL, model_type: 'mistral' }, arguments: null },
  'two layers of Mixtral 8x7B with the LoRA of the original': {
    config: {
      ...FULL,
      num_hidden_layers: 2,
      model_type: 'mixtral',
      num_local_experts: 8,
      num_experts_per_tok: 2,
    },
    arguments: ORIGINAL_LORA,
  },
  'LoRA on names': {
    config: { ...SMALL, model_type: 'mistral' },
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['q_proj', 'down_proj', 'lm_head'] },
  },
  'LoRA on all linear layers': {
    config: { ...SMALL, model_type: 'qwen2' },
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['all-linear'] },
  },
  'LoRA on all linear layers, as a text': {
    config: { ...SMALL, model_type: 'mistral' },
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: 'all-linear' },
  },
  'LoRA by a pattern': {
    config: { ...SMALL, model_type: 'llama' },
    arguments: {
      use_peft: true,
      lora_r: 8,
      lora_target_modules: ['model\\.layers\\.[02]\\.(self_attn\\.v|mlp\\.up)_proj'],
    },
  },
  'LoRA on all linear layers of a mixture': {
    config: MIXTRAL,
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['all-linear'], lora_dropout: 0.1 },
  },
  'LoRA on some experts, by a pattern': {
    config: MIXTRAL,
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['.*experts\\.[02]\\.w[13]'] },
  },
  'LoRA on embeddings': {
    config: { ...SMALL, model_type: 'mistral' },
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['q_proj', 'embed_tokens', 'lm_head'] },
  },
  'LoRA on tied embeddings': {
    config: { ...SMALL, model_type: 'llama', tie_word_embeddings: true },
    arguments: { use_peft: true, lora_r: 8, lora_target_modules: ['q_proj', 'embed_tokens'] },
  },
  'LoRA, with embeddings, output layer and norms in full': {
    config: { ...SMALL, model_type: 'qwen3', head_dim: 32 },
    arguments: {
      use_peft: true,
      lora_r: 8,
      lora_target_modules: ['q_proj', 'v_proj'],
      lora_modules_to_save: ['embed_tokens', 'lm_head', 'norm'],
    },
  },
  'LoRA, with tied embeddings in full': {
    config: { ...SMALL, model_type: 'llama', tie_word_embeddings: true },
    arguments: {
      use_peft: true,
      lora_r: 8,
      lora_target_modules: ['q_proj'],
      lora_modules_to_save: ['embed_tokens'],
    },
  },
  'LoRA, with whole blocks in full': {
    config: { ...SMALL, model_type: 'qwen2' },
    arguments: {
      use_peft: true,
      lora_r: 8,
      lora_target_modules: ['all-linear'],
      lora_modules_to_save: ['self_attn', 'up_proj'],
    },
  },
  'LoRA, with the routers in full': {
    config: MIXTRAL,
    arguments: {
      use_peft: true,
      lora_r: 8,
      lora_target_modules: ['w1', 'q_proj'],
      lora_modules_to_save: ['gate'],
    },
  },
  "LoRA on PEFT's own choice": {
    config: { ...SMALL, model_type: 'mistral' },
    arguments: { use_peft: true, lora_r: 8 },
  },
  DoRA: {
    config: { ...SMALL, model_type: 'mistral' },
    arguments: { use_peft: true, lora_r: 8, use_dora: true, lora_target_modules: ['q_proj', 'v_proj'] },
  },
};

interface Answer {
  parameters: number;
  linear: Record<string, number>;
  total: number;
  trainable: number;
  flops: number;
}

describe('the architecture of a model', () => {
  it('has the parameters, layers, adapters and operations that transformers, PEFT and the trainer count', (context) => {
    requirePython(context);
    const answers = askPython<Answer[]>({ file: 'reference.py' }, Object.values(CASES));
    for (const [index, [name, { config, arguments: values }]] of Object.entries(CASES).entries()) {
      const architecture = read(config);
      const answer = answers[index] as Answer;
      const lora = values ? loraOf(values) : undefined;
      expect(architecture.parameters.total, name).toBe(answer.parameters);
      expect(trainedParameters(architecture, lora), name).toEqual({
        total: answer.total,
        trainable: answer.trainable,
      });
      expect(flopsPerToken(architecture, lora).training, name).toBeCloseTo(answer.flops, -1);
      const inside: Record<string, string> = { w1: 'gate_proj', w2: 'down_proj', w3: 'up_proj' };
      const counts = linearModules(architecture).map(({ name: own, count }) => [inside[own] ?? own, count]);
      expect(Object.fromEntries(counts), name).toEqual(answer.linear);
    }
  }, 300_000);

  it('is known for the models that shipped recipes train', () => {
    const of = (id: string) => {
      const reading = architectureOf({ kind: 'hub', id, revision: 'main' });
      return reading && 'architecture' in reading ? reading.architecture.parameters : undefined;
    };
    expect(of('mistralai/Mistral-7B-Instruct-v0.2')).toEqual({ total: 7_241_732_096, active: 7_241_732_096 });
    expect(of('mistralai/Mixtral-8x7B-Instruct-v0.1')).toEqual({
      total: 46_702_792_704,
      active: 12_879_925_248,
    });
    expect(of('owner/another')).toBeUndefined();
  });

  it('counts 3.85 billion parameters for the LoRA of the 8x7B', () => {
    const architecture = read({
      ...FULL,
      model_type: 'mixtral',
      num_local_experts: 8,
      num_experts_per_tok: 2,
    });
    expect(trainedParameters(architecture, loraOf(ORIGINAL_LORA)).trainable / 1e9).toBeCloseTo(3.85, 2);
  });
});

function read(config: Record<string, unknown>): ModelArchitecture {
  const reading = readArchitecture(config);
  if ('problem' in reading) throw new Error(reading.problem);
  return reading.architecture;
}

/** As a training file says it: TRL makes a text of a list of one. */
function loraOf(values: Record<string, unknown>): Lora {
  const targets = values.lora_target_modules as string[] | string | undefined;
  return {
    rank: Number(values.lora_r),
    targets: Array.isArray(targets) && targets.length === 1 ? targets[0] : targets,
    dropout: Number(values.lora_dropout ?? 0),
    dora: values.use_dora === true,
    modulesToSave: (values.lora_modules_to_save as string[] | undefined) ?? [],
  };
}
