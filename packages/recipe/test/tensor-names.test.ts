import { expect, it } from 'vitest';
import { askPython, requirePython } from '../../estimate/test/python.ts';
import { readArchitecture } from '../src/index.ts';
import { tensorNames } from '../src/tensor-names.ts';

const SMALL = {
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
  pad_token_id: 0,
};
const CONFIGS: Record<string, unknown>[] = [
  { ...SMALL, model_type: 'mistral' },
  { ...SMALL, model_type: 'mixtral', num_local_experts: 3, num_experts_per_tok: 2 },
  { ...SMALL, model_type: 'llama' },
  { ...SMALL, model_type: 'llama', attention_bias: true, mlp_bias: true, tie_word_embeddings: true },
  { ...SMALL, model_type: 'qwen2' },
  { ...SMALL, model_type: 'qwen2', tie_word_embeddings: true },
  { ...SMALL, model_type: 'qwen3', head_dim: 32 },
  { ...SMALL, model_type: 'gemma', head_dim: 32 },
  { ...SMALL, model_type: 'gemma2', head_dim: 32 },
  { ...SMALL, model_type: 'gemma3_text', head_dim: 32 },
];

/** What `save_pretrained` writes: without what is tied, with the experts of a Mixtral one by one. */
const SAVED = `
import contextlib, json, os, sys, tempfile
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, logging
logging.set_verbosity_error()
logging.disable_progress_bar()
answers = []
for values in json.load(sys.stdin):
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        with safe_open(folder + "/model.safetensors", "pt") as file:
            answers.append(sorted(file.keys()))
print(json.dumps(answers))
`;

it('are those that transformers saves', (context) => {
  requirePython(context);
  const answers = askPython<string[][]>({ text: SAVED }, CONFIGS);
  for (const [index, config] of CONFIGS.entries()) {
    expect(tensorNames(readArchitecture(config))?.sort(), JSON.stringify(config)).toEqual(answers[index]);
  }
}, 120_000);

it('are not guessed for another kind of model', () => {
  expect(tensorNames(readArchitecture({ ...SMALL, model_type: 'other' }))).toBeUndefined();
  expect(tensorNames(readArchitecture({ model_type: 'mistral' }))).toBeUndefined();
  expect(tensorNames(undefined)).toBeUndefined();
});
