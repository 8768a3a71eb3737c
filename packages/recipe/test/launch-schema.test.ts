import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Diagnostic, formatDiagnostic, readLaunchConfig } from '../src/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'launch-'));

function read(text: string) {
  writeFileSync(path.join(folder, 'launch.yaml'), text);
  const diagnostics: Diagnostic[] = [];
  const launch = readLaunchConfig('launch.yaml', folder, 2, diagnostics);
  return { config: launch?.config, diagnostics };
}

/** As `accelerate config` writes it for eight GPUs. */
const WRITTEN = `compute_environment: LOCAL_MACHINE
debug: false
downcast_bf16: 'no'
enable_cpu_affinity: false
machine_rank: 0
main_training_function: main
mixed_precision: bf16
num_machines: 1
num_processes: 8
rdzv_backend: static
same_network: true
tpu_env: []
tpu_use_cluster: false
tpu_use_sudo: false
use_cpu: false
`;
const DEEPSPEED = `distributed_type: DEEPSPEED
deepspeed_config:
  deepspeed_multinode_launcher: standard
  gradient_accumulation_steps: auto
  gradient_clipping: 1.0
  offload_optimizer_device: none
  offload_param_device: none
  zero3_init_flag: true
  zero3_save_16bit_model: true
  zero_stage: 3
`;
const FSDP = `distributed_type: FSDP
fsdp_config:
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_backward_prefetch: BACKWARD_PRE
  fsdp_cpu_ram_efficient_loading: true
  fsdp_offload_params: false
  fsdp_sharding_strategy: 1
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_use_orig_params: 'true'
  fsdp_version: 1
`;
const DDP = 'distributed_type: MULTI_GPU\ngpu_ids: all\nmain_process_port: 29501\ndynamo_config: {}\n';

describe('a launch config', () => {
  it.each([
    ['DeepSpeed', DEEPSPEED],
    ['FSDP', FSDP],
    ['DDP', DDP],
  ])('is read as accelerate writes it: %s', (_kind, text) => {
    const { config, diagnostics } = read(`${WRITTEN}${text}`);
    expect(diagnostics).toEqual([]);
    expect(config).toMatchObject({ mixed_precision: 'bf16', num_processes: 8, use_cpu: false });
  });

  it('has nothing that its file has not', () => {
    expect(read('distributed_type: MULTI_GPU\n').config).toEqual({ distributed_type: 'MULTI_GPU' });
  });

  it.each([
    ['num_proceses: 2', 'unknown-key', 'Did you mean num_processes?'],
    ['deepspeed_config: { zero_stge: 3 }', 'unknown-key', 'Did you mean zero_stage?'],
    ['fsdp_config: { fsdp_shard_strategy: 1 }', 'unknown-key', 'Did you mean fsdp_sharding_strategy?'],
    ['deepspeed_config: { zero_stage: three }', 'wrong-type', 'expected a number'],
    ['mixed_precision: bf61', 'bad-value', 'expected no, fp16, bf16 or fp8'],
    ['mixed_precision: no', 'bad-value', 'write "no"'],
    ['main_process_port: 70000', 'bad-value', '65535'],
    ['gpu_ids: 0', 'wrong-type', 'expected a text'],
    ['use_cpu: "true"', 'wrong-type', 'expected true or false'],
    ['compute_environment: AMAZON_SAGEMAKER', 'bad-value', 'LOCAL_MACHINE'],
  ])('%s is refused', (line, code, words) => {
    const { config, diagnostics } = read(`distributed_type: MULTI_GPU\n${line}\n`);
    expect(config).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code, severity: 'error', line: 2 }]);
    expect(diagnostics.map(formatDiagnostic).join('\n')).toContain(words);
  });

  it('says how it is distributed, in quotes where that is NO', () => {
    expect(read('num_machines: 1\n').diagnostics).toMatchObject([
      { code: 'missing-key', message: 'distributed_type is missing' },
    ]);
    expect(read('distributed_type: NO\n').diagnostics).toMatchObject([{ code: 'bad-value', column: 19 }]);
    expect(read('distributed_type: "NO"\n').diagnostics).toEqual([]);
  });
});
