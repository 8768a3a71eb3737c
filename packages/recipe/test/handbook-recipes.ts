/**
 * Training files as alignment-handbook and TRL users have published them: their keys, the shapes of their values and
 * their order, with texts of our own.
 */
export const HANDBOOK_RECIPES: Record<string, string> = {
  'full tuning of 2023': `
# Model arguments
model_name_or_path: mistralai/Mistral-7B-v0.1
model_revision: main
torch_dtype: bfloat16
use_flash_attention_2: true

# Data training arguments
chat_template: "{% for message in messages %}\\n{% if message['role'] == 'user' %}\\n{{ '<|user|>\\n' + message['content'] + eos_token }}\\n{% elif message['role'] == 'assistant' %}\\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\\n{% endif %}\\n{% endfor %}"
dataset_mixer:
  HuggingFaceH4/ultrachat_200k: 1.0
dataset_splits:
- train_sft
- test_sft
preprocessing_num_workers: 12

# SFT trainer config
bf16: true
do_eval: true
evaluation_strategy: epoch
gradient_accumulation_steps: 1
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: False
hub_model_id: a-judge
hub_strategy: every_save
learning_rate: 2.0e-05
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_seq_length: 2048
max_steps: -1
num_train_epochs: 1
output_dir: data/a-judge
overwrite_output_dir: true
per_device_eval_batch_size: 8
per_device_train_batch_size: 16
push_to_hub: true
remove_unused_columns: true
report_to:
- tensorboard
save_strategy: "steps"
save_steps: 100
save_total_limit: 1
seed: 42
warmup_ratio: 0.1
`,
  'an adapter on quantised weights': `
model_name_or_path: mistralai/Mistral-7B-v0.1
model_revision: main
torch_dtype: auto
attn_implementation: flash_attention_2

# LoRA arguments
load_in_4bit: true
use_peft: true
lora_r: 16
lora_alpha: 16
lora_dropout: 0.05
lora_target_modules:
- q_proj
- k_proj
- v_proj
- o_proj
- gate_proj
- up_proj
- down_proj

dataset_mixer:
  HuggingFaceH4/ultrachat_200k: 1.0
dataset_splits:
- train_sft
- test_sft
preprocessing_num_workers: 12

bf16: true
do_eval: true
eval_strategy: epoch
gradient_accumulation_steps: 2
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: false
hub_model_id: a-judge-adapter
hub_strategy: every_save
learning_rate: 2.0e-04
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_seq_length: 2048
max_steps: -1
num_train_epochs: 1
output_dir: data/a-judge-adapter
overwrite_output_dir: true
per_device_eval_batch_size: 8
per_device_train_batch_size: 4
push_to_hub: true
report_to:
- tensorboard
save_strategy: "steps"
save_steps: 100
save_total_limit: 1
seed: 42
warmup_ratio: 0.1
`,
  "another family's tokenizer": `
model_name_or_path: google/gemma-7b
model_revision: main
tokenizer_name_or_path: an-owner/gemma-tokenizer-chatml
torch_dtype: bfloat16
attn_implementation: flash_attention_2
dataset_mixer:
  HuggingFaceH4/deita-10k-v0-sft: 1.0
dataset_splits:
- train_sft
- test_sft
preprocessing_num_workers: 12
bf16: true
dataset_kwargs:
  add_special_tokens: false
  append_concat_token: false
do_eval: true
evaluation_strategy: epoch
gradient_accumulation_steps: 4
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: false
hub_model_id: a-gemma-judge
hub_strategy: every_save
learning_rate: 2.0e-05
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_seq_length: 2048
max_steps: -1
num_train_epochs: 3
output_dir: data/a-gemma-judge
overwrite_output_dir: true
per_device_eval_batch_size: 4
per_device_train_batch_size: 4
push_to_hub: true
remove_unused_columns: true
report_to:
- tensorboard
- wandb
save_strategy: "no"
save_total_limit: null
seed: 42
warmup_ratio: 0.1
`,
  'a small model': `
model_name_or_path: HuggingFaceTB/SmolLM2-1.7B
model_revision: main
torch_dtype: bfloat16
use_flash_attention_2: true
dataset_name: HuggingFaceTB/smoltalk
dataset_config: all
dataset_train_split: train
dataset_test_split: test
dataset_num_proc: 12
bf16: true
do_eval: true
evaluation_strategy: epoch
gradient_accumulation_steps: 4
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: false
hub_model_id: a-small-judge
hub_strategy: every_save
learning_rate: 1.0e-03
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_seq_length: 8192
max_steps: -1
num_train_epochs: 2
output_dir: data/a-small-judge
overwrite_output_dir: true
per_device_eval_batch_size: 4
per_device_train_batch_size: 4
push_to_hub: true
remove_unused_columns: true
report_to:
- tensorboard
- wandb
save_strategy: "no"
seed: 42
warmup_ratio: 0.1
`,
  'long rows of 2025': `
# Config for 8 nodes, with GBS 128
model_name_or_path: HuggingFaceTB/SmolLM3-3B-Base
model_revision: main
torch_dtype: bfloat16
attn_implementation: flash_attention_2
trust_remote_code: true

chat_template: |-
  {# defaults #}
  {%- if enable_thinking is not defined -%}
  {%- set enable_thinking = true -%}
  {%- endif -%}
  {%- for message in messages -%}
  {%- set content = message.content if message.content is string else "" -%}
  {%- if message.role == "user" -%}
  {{ "<|im_start|>user\\n" + content + "<|im_end|>\\n" }}
  {%- elif message.role == "assistant" -%}
  {% generation %}
  {{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
  {% endgeneration %}
  {%- endif -%}
  {%- endfor -%}
dataset_mixture:
  datasets:
    - id: HuggingFaceTB/smoltalk2
      config: SFT
      split: a_split
      columns: [messages]
      weight: 1.0
  seed: 0
  test_split_size: 0.001
dataset_num_proc: 48
eos_token: <|im_end|>

assistant_only_loss: true
average_tokens_across_devices: true
bf16: true
ddp_timeout: 14400
do_eval: false
eval_strategy: 'no'
gradient_accumulation_steps: 2
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: true
hub_strategy: every_save
learning_rate: 2.0e-05
log_level: info
logging_steps: 1
logging_strategy: steps
lr_scheduler_type: cosine_with_min_lr
lr_scheduler_kwargs:
  min_lr_rate: 0.1
max_grad_norm: 0.2
max_length: 65536
max_steps: -1
num_train_epochs: 4
output_dir: data/a-long-judge
overwrite_output_dir: true
packing: true
packing_strategy: ffd
per_device_train_batch_size: 1
push_to_hub: true
report_to:
- wandb
run_name: a-long-judge
save_strategy: steps
save_steps: 0.05 # save every 0.25 epochs
save_total_limit: 1
seed: 42
tf32: true
use_liger_kernel: true
warmup_ratio: 0.03
`,
  'continued pre-training': `
model_name_or_path: gpt2
model_revision: main
torch_dtype: bfloat16
dataset_mixer:
  an-owner/a-corpus: 1.0
dataset_configs:
- tiny
dataset_splits:
- train
- test
preprocessing_num_workers: 24
bf16: true
do_eval: False
evaluation_strategy: "no"
gradient_accumulation_steps: 1
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: False
hub_model_id: a-gpt2
hub_strategy: every_save
learning_rate: 2.0e-04
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_seq_length: 1024
max_steps: -1
num_train_epochs: 1
output_dir: data/a-gpt2
overwrite_output_dir: true
per_device_eval_batch_size: 8
per_device_train_batch_size: 16
push_to_hub: true
remove_unused_columns: true
report_to:
- wandb
save_strategy: "steps"
save_steps: 100
save_total_limit: 1
seed: 42
warmup_ratio: 0.1
`,
};
