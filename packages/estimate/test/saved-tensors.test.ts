import { readArchitecture } from '@prometheus-actions/recipe';
import { describe, expect, it } from 'vitest';
import { activationBytes } from '../src/activation-bytes.ts';
import { askPython, requirePython } from './python.ts';
import { setupOf } from './setup-of.ts';

const CONFIG = {
  model_type: 'mistral',
  hidden_size: 64,
  intermediate_size: 224,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 1000,
};
const MIXTRAL = { ...CONFIG, model_type: 'mixtral', num_local_experts: 4, num_experts_per_tok: 2 };
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const LORA = { use_peft: true, lora_r: 16, lora_dropout: 0 };
const TOKENS = 128;

interface Case {
  config: typeof CONFIG;
  arguments: Record<string, unknown> | null;
  dtype: 'bfloat16' | 'float32';
  half_precision: boolean;
  padded: boolean;
}

const BFLOAT16 = {
  config: CONFIG,
  arguments: null,
  dtype: 'bfloat16',
  half_precision: true,
  padded: false,
} as const;
const CASES: Record<string, Case> = {
  'full tuning in bfloat16': BFLOAT16,
  'a batch with a mask': { ...BFLOAT16, padded: true },
  'float32 weights, products in bfloat16': { ...BFLOAT16, dtype: 'float32' },
  float32: { ...BFLOAT16, dtype: 'float32', half_precision: false },
  'LoRA on all layers': { ...BFLOAT16, arguments: { ...LORA, lora_target_modules: ALL } },
  'LoRA with dropout': {
    ...BFLOAT16,
    arguments: { ...LORA, lora_dropout: 0.1, lora_target_modules: ALL },
  },
  'LoRA on two': { ...BFLOAT16, arguments: { ...LORA, lora_target_modules: ['q_proj', 'down_proj'] } },
  'a mixture': { ...BFLOAT16, config: MIXTRAL },
  'a mixture with LoRA': {
    ...BFLOAT16,
    config: MIXTRAL,
    arguments: { ...LORA, lora_target_modules: ['q_proj', 'v_proj', 'w1', 'w2', 'w3'] },
  },
};

describe('what a layer keeps for its backward pass', () => {
  it('is what PyTorch keeps of our models, within 1 %', (context) => {
    requirePython(context);
    const cases = Object.values(CASES).map((each) => ({ ...each, tokens: TOKENS }));
    const measured = askPython<number[]>({ file: 'saved_tensors.py' }, cases);
    const shares = Object.entries(CASES).map(([name, each], index) => {
      const counted = countedBytes(each);
      return [name, Number((counted / (measured[index] as number)).toFixed(3))] as const;
    });
    for (const [name, share] of shares) {
      expect(share, name).toBeGreaterThan(0.99);
      expect(share, name).toBeLessThan(1.01);
    }
  }, 300_000);
});

function countedBytes({ config, arguments: values, dtype, half_precision, padded }: Case): number {
  const reading = readArchitecture(config);
  if ('problem' in reading) throw new Error(reading.problem);
  const targets = values?.lora_target_modules as string[] | undefined;
  const dropout = Number(values?.lora_dropout ?? 0);
  const setup = setupOf({
    architecture: reading.architecture,
    lora: values ? { rank: 16, targets, dropout, dora: false, modulesToSave: [] } : undefined,
    parameterBytes: dtype === 'float32' ? 4 : 2,
    halfPrecision: half_precision,
    padded,
  });
  const { kept } = activationBytes(setup, { compiled: false, rowTokens: TOKENS });
  // The mask of dropout is a byte on a GPU, and here four.
  const { hidden_size: h, intermediate_size: f } = config;
  return kept + (dropout > 0 ? 3 * (6 * h + f) : 0);
}
