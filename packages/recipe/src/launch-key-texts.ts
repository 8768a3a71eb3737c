/** What the keys of a launch config mean, in words of our own; looked up in accelerate 1.15. */
export const LAUNCH_KEY_TEXTS = {
  compute_environment: 'Where training runs: on machines that this command starts processes on.',
  debug: 'Checks shapes before each collective operation, which is slow.',
  deepspeed_config: 'With distributed_type: DEEPSPEED.',
  distributed_type:
    'How the model is spread: MULTI_GPU, each process has all of it; DEEPSPEED and FSDP split it; NO, there is one process.',
  downcast_bf16: 'On a TPU: whether floats and doubles both become bfloat16.',
  dynamo_config: 'torch.compile for the whole model. The profile fast compiles by itself.',
  enable_cpu_affinity: 'Binds each process to the cores near its GPU.',
  fp8_config: 'With mixed_precision: fp8.',
  fsdp_config: 'With distributed_type: FSDP.',
  gpu_ids:
    'The GPUs of this machine, as text: "0,1", or all. CUDA_VISIBLE_DEVICES says it without changing the file.',
  machine_rank: 'Number of this machine, from 0. Stays 0: several nodes are told by the recipe.',
  main_process_ip: 'Address of the first node. Found by itself on one machine and under Slurm.',
  main_process_port: 'Port at which the processes meet; a free one is taken where none is stated.',
  main_training_function: 'For notebooks and TPUs: the function to start.',
  megatron_lm_config: 'With distributed_type: MEGATRON_LM.',
  mixed_precision:
    'Data type that is computed in; in quotes where it is "no", which YAML would read as false.',
  mpirun_config: 'With distributed_type: MULTI_CPU.',
  num_machines: 'Stays 1: the number of nodes is launch.slurm.nodes of recipe.yaml.',
  num_processes: 'Not read: the number of processes is launch.processes of recipe.yaml.',
  parallelism_config: 'Sizes of the groups that split data, tensors and sequences.',
  rdzv_backend: 'How the processes of several nodes meet: static, or c10d.',
  same_network: 'Whether all nodes are in one local network.',
  tpu_env: 'Variables for the workers of a TPU pod.',
  use_cpu: 'Trains on the CPU, also where there is a GPU.',

  // Within deepspeed_config, fsdp_config and dynamo_config.
  deepspeed_config_file: "A configuration in DeepSpeed's own format, instead of these keys.",
  deepspeed_hostfile: 'The nodes and their GPUs, for a launcher of DeepSpeed itself.',
  deepspeed_moe_layer_cls_names:
    'Blocks of experts whose parameters are gathered together. The trainer names those of Mixtral itself.',
  deepspeed_multinode_launcher:
    'What starts the other nodes: pdsh, standard, openmpi, mvapich, mpich, slurm or nossh.',
  gradient_accumulation_steps: 'Left out or auto: it follows from global_batch_size.',
  gradient_clipping: 'Left out or auto: max_grad_norm of the training file.',
  offload_optimizer_device: "Where the optimizer's state is kept: none (the GPU), cpu or nvme.",
  offload_optimizer_nvme_path: 'Folder on a fast disk, with nvme.',
  offload_param_device: 'Where parameters are kept with ZeRO stage 3: none (the GPU), cpu or nvme.',
  offload_param_nvme_path: 'Folder on a fast disk, with nvme.',
  zero_stage: 'What is split over the GPUs: 0 nothing, 1 optimizer state, 2 gradients too, 3 parameters too.',
  zero3_init_flag: 'Splits the model while it is loaded, so that no GPU ever holds all of it.',
  zero3_save_16bit_model:
    'Gathers the whole model when it is saved. Must be true with stage 3, or no model can be saved.',
  fsdp_activation_checkpointing: 'Computes activations again in the backward pass instead of keeping them.',
  fsdp_auto_wrap_policy: 'What is split as one unit: TRANSFORMER_BASED_WRAP, SIZE_BASED_WRAP or NO_WRAP.',
  fsdp_backward_prefetch:
    'Whether the next unit is fetched before (BACKWARD_PRE) or after (BACKWARD_POST) the gradients of this one, or not at all (NO_PREFETCH).',
  fsdp_cpu_ram_efficient_loading: 'Only the first process reads the weights; the others get theirs from it.',
  fsdp_forward_prefetch: 'Fetches the next unit during the forward pass of this one.',
  fsdp_min_num_params: 'Parameters of a unit, with SIZE_BASED_WRAP.',
  fsdp_offload_params: 'Keeps parameters and gradients in the memory of the machine.',
  fsdp_reshard_after_forward: 'Version 2: whether parameters are split again after the forward pass.',
  fsdp_sharding_strategy:
    'Version 1: FULL_SHARD, SHARD_GRAD_OP, NO_SHARD, HYBRID_SHARD or HYBRID_SHARD_ZERO2.',
  fsdp_state_dict_type: 'How a checkpoint is saved: FULL_STATE_DICT, SHARDED_STATE_DICT or LOCAL_STATE_DICT.',
  fsdp_sync_module_states: "Version 1: gives all processes the first one's weights at the start.",
  fsdp_transformer_layer_cls_to_wrap: 'Class of the layers that are units, with TRANSFORMER_BASED_WRAP.',
  fsdp_use_orig_params: 'Version 1: keeps the parameters apart within a unit, which LoRA needs.',
  fsdp_version: "1 or 2: which of PyTorch's implementations.",
  dynamo_backend: 'Compiler: inductor, eager, cudagraphs and others; no: none.',
  dynamo_mode: 'What it favours: default, reduce-overhead or max-autotune.',
  dynamo_use_dynamic: 'Whether one compilation serves all lengths.',
  dynamo_use_fullgraph: 'Fails where a part can not be compiled.',
  dynamo_use_regional_compilation: 'Compiles one of the repeated layers and uses it for all.',
} as const satisfies Record<string, string>;
