/** What became of a key that TRL, transformers or alignment-handbook recipes had. */
export type OlderKey =
  | {
      became: 'another';
      /** Its name today. */
      key: string;
      /** Its value today; `undefined` where the value asks for what happens anyway (default: the value as it is). */
      value?: (value: unknown) => unknown;
    }
  | {
      became: 'nothing';
      /** Why it has no effect. */
      why: string;
    }
  | {
      became: 'elsewhere';
      /** Where a recipe says it. */
      where: string;
    };

const another = (key: string, value?: (value: unknown) => unknown): OlderKey => ({
  became: 'another',
  key,
  ...(value && { value }),
});
const nothing = (why: string): OlderKey => ({ became: 'nothing', why });
const elsewhere = (where: string): OlderKey => ({ became: 'elsewhere', where });
/** A switch that became one value of another key. */
const whenTrue = (value: unknown) => (on: unknown) => (on === true ? value : undefined);

const DATASET = 'Data is described in dataset.yaml and prepared by prepare-dataset.';
const HARDWARE = 'accelerate and PyTorch choose it today.';

/**
 * The keys that published recipes have and TRL 1.13 does not: the fields of transformers' `TrainingArguments` in twelve
 * releases from 4.0 to 5.18, of TRL's `SFTConfig`, `ModelConfig` and script arguments in its releases from 0.4 to 1.9, and the
 * keys of alignment-handbook's recipes and argument classes over its history.
 */
export const OLDER_KEYS: Readonly<Record<string, OlderKey>> = {
  // transformers
  adafactor: another('optim', whenTrue('adafactor')),
  dispatch_batches: nothing('it is a part of accelerator_config today.'),
  evaluation_strategy: another('eval_strategy'),
  fp16_backend: nothing(HARDWARE),
  fp16_opt_level: nothing('it was for NVIDIA apex, which is not used any more.'),
  fsdp_min_num_params: nothing('it is a part of the launch config today.'),
  fsdp_transformer_layer_cls_to_wrap: nothing('it is a part of the launch config today.'),
  group_by_length: another('train_sampling_strategy', whenTrue('group_by_length')),
  half_precision_backend: nothing(HARDWARE),
  include_inputs_for_metrics: nothing('metrics are computed from logits only.'),
  include_tokens_per_second: nothing('tokens per second are always reported.'),
  jit_mode_eval: nothing('TorchScript is not used any more.'),
  logging_dir: nothing('logs go into the output of the stage.'),
  mp_parameters: nothing('it was for SageMaker.'),
  no_cuda: another('use_cpu'),
  overwrite_output_dir: nothing('an output appears whole or not at all.'),
  past_index: nothing('no model needs it any more.'),
  per_gpu_eval_batch_size: another('per_device_eval_batch_size'),
  per_gpu_train_batch_size: another('per_device_train_batch_size'),
  push_to_hub_model_id: another('hub_model_id'),
  push_to_hub_organization: nothing('it is a part of hub_model_id today.'),
  push_to_hub_token: another('hub_token'),
  ray_scope: nothing('it was for a search of hyperparameters.'),
  save_safetensors: nothing('models are always saved as safetensors.'),
  sharded_ddp: nothing('it was for fairscale; FSDP and DeepSpeed are launch configs.'),
  split_batches: nothing('it is a part of accelerator_config today.'),
  torchdynamo: another('torch_compile_backend'),
  tp_size: nothing('tensor parallelism is a part of the launch config today.'),
  tpu_metrics_debug: another('debug', whenTrue('tpu_metrics_debug')),
  tpu_num_cores: nothing('training is for GPUs.'),
  use_legacy_prediction_loop: nothing('there is one loop.'),
  use_ipex: nothing(HARDWARE),
  use_mps_device: nothing(HARDWARE),
  warmup_ratio: another('warmup_steps'),
  xpu_backend: another('ddp_backend'),
  // TRL
  chars_per_token: nothing('rows are tokenised before they are packed.'),
  dataset_batch_size: nothing('it was about how rows were tokenised.'),
  dataset_config: elsewhere(DATASET),
  dataset_name: elsewhere(DATASET),
  dataset_streaming: elsewhere(DATASET),
  dataset_test_name: elsewhere(DATASET),
  dataset_test_split: elsewhere(DATASET),
  dataset_train_name: elsewhere(DATASET),
  dataset_train_split: elsewhere(DATASET),
  datasets: elsewhere(DATASET),
  gradient_checkpointing_use_reentrant: another('gradient_checkpointing_kwargs', (value) => ({
    use_reentrant: value,
  })),
  ignore_bias_buffers: nothing('DistributedDataParallel needs no such help any more.'),
  max_seq_length: another('max_length'),
  num_of_sequences: nothing('it was about how rows were packed.'),
  torch_dtype: another('dtype'),
  use_liger: another('use_liger_kernel'),
  // alignment-handbook
  auto_insert_empty_system_msg: nothing('the chat template says what a conversation begins with.'),
  base_model_revision: elsewhere('The model is base_model of recipe.yaml, its revision too.'),
  columns: elsewhere(DATASET),
  dataset_configs: elsewhere(DATASET),
  dataset_mixer: elsewhere(DATASET),
  dataset_mixture: elsewhere(DATASET),
  dataset_splits: elsewhere(DATASET),
  hub_model_revision: another('hub_revision'),
  max_eval_samples: elsewhere(DATASET),
  max_train_samples: elsewhere('dataset.yaml has limit for the first rows.'),
  model_code_revision: nothing("no code out of a model's repository is run."),
  num_proc: another('dataset_num_proc'),
  preprocessing_num_workers: another('dataset_num_proc'),
  text_column: elsewhere('dataset.yaml has columns.'),
  tokenizer_name_or_path: elsewhere('The tokenizer is that of the base model.'),
  truncation_side: nothing('rows are cut from the right; see truncation_mode.'),
  use_flash_attention_2: another('attn_implementation', whenTrue('flash_attention_2')),
  // Keys of today that a recipe says elsewhere.
  output_dir: elsewhere('The folder of artifacts is an option of the command.'),
  resume_from_checkpoint: elsewhere('An interrupted run resumes by itself.'),
};

/** Values of keys that have another name today. */
export const OLDER_VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  optim: { adamw_hf: 'adamw_torch', adamw_apex_fused: 'adamw_torch_fused' },
  packing_strategy: { ffd: 'bfd' },
};
