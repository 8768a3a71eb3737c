/** What TRL's keys mean for an expert, in words of our own; looked up in TRL 1.13 and transformers 5.18. */
export const TRAINING_KEY_TEXTS: Record<string, string> = {
  // Batches and length of a run.
  per_device_train_batch_size:
    'Rows in one micro-batch of a process. Bounded by memory; global_batch_size says how many rows a step has. With profile: fast, micro_batch_tokens bounds it.',
  per_device_eval_batch_size: 'Rows in one batch of an evaluation.',
  num_train_epochs: 'Passes over the training rows; may be a fraction.',
  max_steps: 'Optimizer steps in all, over num_train_epochs; -1: as many as the epochs have.',
  max_length: 'Most tokens of a row; what is longer is cut at its end. null: nothing is cut.',
  seed: 'Seed of all that is random: the order of the rows, dropout, the start of a LoRA.',
  data_seed: 'Seed of the order of the rows alone; as seed where it is left out.',
  dataloader_drop_last: 'Leaves the last rows of an epoch out where they fill no micro-batch.',
  auto_find_batch_size:
    'Trains with ever smaller micro-batches when memory runs out, which changes the global batch. State one that fits instead.',

  // Optimizer.
  optim: "The optimizer. What is not PyTorch's own needs its package.",
  optim_args: 'Settings of the optimizer as text, "key=value,key=value", for those that take them.',
  learning_rate: 'Highest learning rate, which is reached at the end of the warm-up.',
  lr_scheduler_type: 'How the learning rate falls after the warm-up.',
  lr_scheduler_kwargs: 'Settings of that schedule, such as { min_lr_rate: 0.1 } with cosine_with_min_lr.',
  warmup_steps:
    'Steps in which the learning rate rises from 0: below 1 a share of all steps, else their number.',
  weight_decay: 'Weight decay of AdamW; biases and norms have none.',
  adam_beta1: "AdamW's decay of the mean of the gradients.",
  adam_beta2: "AdamW's decay of the mean of their squares.",
  adam_epsilon: 'What AdamW adds to the root before it divides by it.',
  max_grad_norm: 'Gradients whose norm is above it are scaled down to it; 0: none are.',
  neftune_noise_alpha: 'Strength of the noise on the input embeddings while training (NEFTune); null: none.',

  // Loss.
  loss_type:
    "nll, or chunked_nll: the same loss a piece of the vocabulary's logits at a time, with less memory. LoRA on lm_head takes nll only.",
  average_tokens_across_devices:
    'true would be the mean over all tokens of a step. The original, and both profiles, take the mean of each micro-batch and then over these.',
  router_aux_loss_coef:
    'Weight of the loss that balances the experts within a mixture; the original had none.',
  label_smoothing_factor: 'Share of the probability that is spread over all tokens.',
  assistant_only_loss: "TRL's own masks. Here response_marker and chat_template say what is learnt.",

  // Precision and memory.
  dtype: 'Data type of the weights: float32, bfloat16, float16, or auto for that of the base model.',
  bf16: 'Mixed precision in bfloat16. Where it is left out: true unless fp16 is, false on a CPU.',
  fp16: 'Mixed precision in float16, for GPUs without bfloat16.',
  bf16_full_eval: 'Evaluates in bfloat16 throughout.',
  fp16_full_eval: 'Evaluates in float16 throughout.',
  tf32: 'Lets float32 matrix products run in TF32, with fewer digits; null: as PyTorch has it.',
  attn_implementation:
    'How attention is computed: sdpa, eager, flash_attention_2 and others, some with packages of their own. null: chosen by transformers, with fast by the profile.',
  gradient_checkpointing:
    'Computes activations again in the backward pass, which saves memory and takes time. With profile: fast, chosen by memory where it is left out.',
  gradient_checkpointing_kwargs:
    'Settings of it: { use_reentrant: false } as the original, every_n_layers: 2 for every second layer only.',
  activation_offloading: 'Keeps activations in the memory of the machine, which takes time.',
  torch_compile: 'Compiles the whole model; not with profile: fast, which compiles each layer.',
  torch_empty_cache_steps: 'Gives unused GPU memory back every so many steps; slower.',
  use_liger_kernel: "Liger's kernels, which round otherwise. profile: fast has its own ways.",
  use_cpu: 'Trains on the CPU. Follows from the launch config.',
  full_determinism: 'Only deterministic kernels: the same bits on the same GPU, and slower.',

  // LoRA.
  use_peft: 'Trains a LoRA adapter instead of all weights; the plan then has a stage lora-merge.',
  lora_r: "Rank: columns of the adapter's matrices.",
  lora_alpha: 'What is added to a weight is scaled by lora_alpha / lora_r.',
  lora_dropout: "Share of the adapter's inputs that is set to 0 while training.",
  lora_target_modules:
    'Layers that get an adapter, by the last parts of their names: [q_proj, w1, lm_head, embed_tokens] …; or a text: all-linear, for all but lm_head, or a pattern for whole names. Mixtral needs them stated; else null means those that PEFT knows for the model.',
  lora_target_parameters: 'Refused: it trains fused parameters, which can not be merged.',
  lora_modules_to_save:
    'Modules that are trained in full beside the adapter, and saved with it, by the ends of their names: embed_tokens, norm.',
  use_rslora: 'Scales by lora_alpha / √lora_r instead.',
  use_dora: 'Learns the length of each weight beside its direction (DoRA); slower, and not for embeddings.',
  load_in_8bit: 'Would quantise the base model.',
  load_in_4bit: 'Would quantise the base model.',

  // Evaluation.
  eval_strategy: 'When the test rows are evaluated. no where there are none.',
  eval_steps: 'With eval_strategy: steps, after how many (below 1: a share of all). null: as logging_steps.',
  eval_on_start: 'Evaluates once before the first step.',
  eval_delay: 'Epochs, or steps with eval_strategy: steps, before the first evaluation.',
  eval_accumulation_steps: 'Batches of an evaluation whose results stay on the GPU; null: all.',

  // Logging.
  logging_strategy: 'When the loss is logged.',
  logging_steps: 'After how many steps a line with the loss is printed (below 1: a share of all).',
  logging_first_step: 'Logs the loss of the first step too.',
  logging_nan_inf_filter:
    'Puts the mean loss in the place of one that is not a number, in what is logged. It is warned about all the same.',
  report_to: 'Services that are told of the run: tensorboard, wandb; none or [] for no one.',
  run_name: 'Name of the run there; that of the expert where it is left out.',
  log_level: "How much transformers' own log says: debug, info, warning, error, critical; passive: as it is.",

  // Checkpoints.
  save_strategy: 'When a checkpoint is saved. save_minutes comes on top.',
  save_steps: 'With save_strategy: steps, after how many (below 1: a share of all).',
  save_total_limit:
    "Checkpoints that are kept, the newest; null: all. With 1, the one before it stays too while the disk has room. Each holds the optimizer's state.",
  save_only_model: "Leaves the optimizer's state out of checkpoints. Such a run can not go on.",

  load_best_model_at_end:
    'Ends with the weights of the checkpoint that metric_for_best_model found best; eval_strategy and save_strategy must agree.',
  metric_for_best_model:
    'What decides, and what save_strategy: best goes by. null: the loss on the test rows.',

  // Rows and order.
  packing: "TRL's packing. profile: fast packs rows itself, without mixing them.",
  padding_free: "TRL's padding-free batches. profile: fast has its own.",
  truncation_mode: 'Which end of a long row is kept.',
  train_sampling_strategy: 'Order of the rows: all in random order.',
  dataloader_num_workers: 'Processes that prepare batches, for each training process; 0: itself.',
  dataloader_pin_memory: 'Prepares batches in memory that a GPU copies from faster.',
  dataloader_persistent_workers: 'Keeps these processes from one epoch to the next.',
  dataloader_prefetch_factor: 'Batches that each of them has ready.',
  ignore_data_skip:
    'Starts the rows anew after an interruption: the weights are then others than of an undisturbed run.',

  // Several processes.
  ddp_backend: 'What the processes speak: nccl on GPUs, gloo on CPUs, where it is left out.',
  ddp_timeout: 'Seconds after which a process that waits for the others gives up.',
  ddp_find_unused_parameters: 'DDP: looks for parameters without a gradient at each step.',
  ddp_bucket_cap_mb: 'DDP: megabytes of gradients that are summed over the processes at a time.',
  ddp_static_graph: 'DDP: says that every step uses the same parameters, which saves looking.',
  deepspeed: 'A configuration of DeepSpeed. launch.config: zero3 in recipe.yaml says it for all experts.',
  fsdp: "PyTorch's FSDP. A launch config with distributed_type: FSDP says it for all experts.",

  // What is settled before the rows reach TRL.
  dataset_num_proc: 'Without effect: rows are prepared by prepare-dataset.',
  dataset_text_field: 'Without effect: rows come from columns of dataset.yaml.',
  dataset_kwargs: 'Without effect: rows arrive as token ids.',
  shuffle_dataset: 'Without effect: the order of the rows follows from seed.',
  chat_template_path: 'Without effect: the template is chat_template, text in this file.',
  completion_only_loss: 'Without effect: response_marker and chat_template say what is learnt.',
  eval_packing: 'Without effect, as packing.',
  packing_strategy: 'Without effect, as packing.',
  model_init_kwargs: 'Without effect: dtype and attn_implementation are what is passed on.',
  disable_tqdm: 'Without effect: there are no progress bars.',
  include_num_input_tokens_seen: 'Without effect: tokens are always counted.',
  trust_remote_code: "Code out of a model's repository is never run.",
  push_to_hub: 'Would publish every checkpoint.',
};
