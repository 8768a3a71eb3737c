const MISTRAL_7B = {
  model_type: 'mistral',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 32000,
  rope_theta: 1e6,
  max_position_embeddings: 32768,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
};

/** Configs of the models that the shipped recipes train, by their id on the hub: known without a request. */
export const KNOWN_MODELS: Readonly<Record<string, Record<string, unknown>>> = {
  'mistralai/Mistral-7B-Instruct-v0.2': MISTRAL_7B,
  'mistralai/Mixtral-8x7B-Instruct-v0.1': {
    ...MISTRAL_7B,
    model_type: 'mixtral',
    num_local_experts: 8,
    num_experts_per_tok: 2,
  },
};
