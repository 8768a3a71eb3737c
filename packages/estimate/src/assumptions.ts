import type { Recipe } from '@prometheus-actions/recipe';
import type { ExpertParts } from './expert-parts.ts';
import type { Gpus } from './gpus.ts';

/** What an estimate takes for granted, a line each, only where it matters for this recipe. */
export function assumptionsOf(
  recipe: Recipe,
  parts: readonly ExpertParts[],
  gpu: Gpus | undefined,
): string[] {
  const setups = parts.map(({ setup }) => setup);
  const some = (test: (setup: ExpertParts['setup']) => boolean) => setups.some(test);
  const lines: (string | false)[] = [
    `memory: a device's largest micro-batch, of rows of ${listOf(setups.map(({ rowTokens }) => rowTokens))} tokens, a quarter of each the answer`,
    some(({ padded, profile }) => padded && profile === 'parity') &&
      'memory: rows of a batch differ in length, so that it has a mask',
    some(({ device }) => device === 'gpu') &&
      `memory: 1.6 GB for CUDA, ${some(({ sharding }) => sharding.zeroStage !== undefined) ? 5 : 2} % that the allocator can't use` +
        (recipe.launch.processes > 1 ? ', 1 GB for NCCL' : ''),
    some(({ profile, device }) => profile === 'fast' && device === 'gpu') &&
      (gpu
        ? 'fast: micro-batches and recomputation as the trainer chooses them for this GPU'
        : 'fast: micro-batches as on a GPU whose memory does not bound them; --gpu says which GPU'),
    some(({ sharding }) => sharding.zeroStage !== undefined) &&
      "DeepSpeed: its own default sizes of buckets and of gathered weights; torch's AdamW",
    some(
      ({ lora, sharding, processes }) => lora !== undefined && sharding.zeroStage === 3 && processes > 1,
    ) &&
      'ZeRO-3 with a LoRA: where activations are recomputed, each device has the weights of all layers gathered at the end of its backward pass',
    some(({ optimizer }) => !/^(adamw|sgd|adafactor)/.test(optimizer)) &&
      'an optimizer that is not known here counts as AdamW',
    recipe.launch.config.distributed_type === 'FSDP' && 'FSDP is not known here: counted as DDP',
    ...parts.map(({ expert, schedule }) =>
      schedule
        ? `${expert.name}: ${schedule.rows.source}`
        : `${expert.name}: the rows of ${expert.dataset} are not known before they are prepared, so neither are steps and hours`,
    ),
    gpu !== undefined &&
      gpu.bf16Flops === undefined &&
      `${gpu.name} computes no bfloat16: a recipe with bf16: true does not train on it`,
    gpu !== undefined &&
      !some(({ device }) => device === 'gpu') &&
      'training is on the CPU by its launch config: the GPU is not looked at',
    gpu !== undefined &&
      some(({ device }) => device === 'gpu') &&
      'hours: arithmetic at the share of the peak that one H200 reached; loading, saving and waiting for other devices are not in it',
  ];
  return [...new Set(lines.filter((line) => line !== false))];
}

function listOf(numbers: number[]): string {
  return [...new Set(numbers)].map((each) => each.toLocaleString('en-US')).join(' or ');
}
