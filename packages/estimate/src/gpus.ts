import { didYouMean } from '@prometheus-actions/recipe';
import { ConfigurationError } from '@prometheus-actions/stage';

/** A GPU that can be named. */
export interface Gpu {
  name: string;
  /** What PyTorch reports as its memory, about: less than the name says, and up to 1 % other from driver to driver. */
  memoryBytes: number;
  /** Dense bfloat16 tensor-core FLOP/s; undefined where there is no bfloat16. */
  bf16Flops: number | undefined;
}

/** So many of one kind, as `8xA100-40GB` names them. */
export interface Gpus extends Gpu {
  count: number;
}

const GiB = 2 ** 30;

/**
 * Peaks are those of NVIDIA's data sheets and architecture papers, dense, with float32 sums: A100, H100, H200, B200,
 * L40S, L40, L4, A40, A30, A10 by their data sheets, as in `model_flops.py` of the trainer; A10G by its product brief; RTX
 * 4090 by the Ada architecture paper, RTX 3090 by the Ampere GA102 one. Memory is the total capacity that PyTorch names in
 * its out-of-memory messages. Of the H200 it was read from the device; the others are as they are commonly reported, and
 * were not measured here.
 */
const GPUS: readonly Gpu[] = [
  { name: 'B200', memoryBytes: 178.3 * GiB, bf16Flops: 2250e12 },
  { name: 'H200', memoryBytes: 139.8 * GiB, bf16Flops: 989.4e12 },
  { name: 'H100-80GB', memoryBytes: 79.1 * GiB, bf16Flops: 989.4e12 },
  { name: 'H100-PCIe', memoryBytes: 79.1 * GiB, bf16Flops: 756e12 },
  { name: 'A100-80GB', memoryBytes: 79.15 * GiB, bf16Flops: 312e12 },
  { name: 'A100-40GB', memoryBytes: 39.4 * GiB, bf16Flops: 312e12 },
  { name: 'L40S', memoryBytes: 44.3 * GiB, bf16Flops: 362.05e12 },
  { name: 'L40', memoryBytes: 44.3 * GiB, bf16Flops: 181.05e12 },
  { name: 'A40', memoryBytes: 44.3 * GiB, bf16Flops: 149.7e12 },
  { name: 'A30', memoryBytes: 23.5 * GiB, bf16Flops: 165e12 },
  { name: 'A10', memoryBytes: 22.0 * GiB, bf16Flops: 125e12 },
  { name: 'A10G', memoryBytes: 22.0 * GiB, bf16Flops: 70e12 },
  { name: 'L4', memoryBytes: 22.0 * GiB, bf16Flops: 121e12 },
  { name: 'RTX4090', memoryBytes: 23.5 * GiB, bf16Flops: 165.2e12 },
  { name: 'RTX3090', memoryBytes: 23.5 * GiB, bf16Flops: 71e12 },
  { name: 'V100-32GB', memoryBytes: 31.7 * GiB, bf16Flops: undefined },
];

/** Names that say the same: the memory of a card that there is in one size only. */
const SIZE_OF_ONE_KIND: Record<string, string> = {
  B200: '180GB',
  H200: '141GB',
  L40S: '48GB',
  L40: '48GB',
  A40: '48GB',
  A30: '24GB',
  A10: '24GB',
  A10G: '24GB',
  L4: '24GB',
  RTX4090: '24GB',
  RTX3090: '24GB',
  'H100-PCIe': '80GB',
};

/** Every GPU that can be named. */
export function namedGpus(): readonly Gpu[] {
  return GPUS;
}

/**
 * Reads `8xA100-40GB`, `H200`, `2 x RTX 4090`: a count, 1 when left out, and a name in any spelling of case and spaces.
 *
 * @throws ConfigurationError with the nearest name, or all names
 */
export function parseGpu(text: string): Gpus {
  const [, count, name = ''] = /^\s*(?:(\d+)\s*[x×*]\s*)?(.*?)\s*$/i.exec(text) ?? [];
  const fail = (problem: string, hint: string): never => {
    throw new ConfigurationError(`--gpu ${text}: ${problem}`, { hint });
  };
  if (count !== undefined && Number(count) < 1) fail('the count is 0', 'For example 8xA100-40GB.');
  const found = GPUS.find((gpu) => spellings(gpu.name).includes(plain(name)));
  if (found) return { ...found, count: Number(count ?? 1) };
  const names = GPUS.map((gpu) => gpu.name);
  const sizes = names.filter((known) => plain(known).startsWith(plain(name)) && name !== '');
  if (sizes.length > 1) return fail('there are several', `Say which: ${sizes.join(', ')}.`);
  return fail(
    `${name || 'nothing'} is not a GPU that is known here`,
    didYouMean(name.toUpperCase(), names) ?? `There are ${names.join(', ')}.`,
  );
}

function spellings(name: string): string[] {
  const size = SIZE_OF_ONE_KIND[name];
  const short = plain(name).replace(/80gb$/, '');
  // An H100 is one of 80 GB; an A100 may be either.
  return [plain(name), ...(size ? [plain(name + size)] : []), ...(name === 'H100-80GB' ? [short] : [])];
}

function plain(name: string): string {
  return name.toLowerCase().replace(/nvidia|geforce|[\s_-]/g, '');
}
