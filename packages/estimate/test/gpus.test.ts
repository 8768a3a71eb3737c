import { ConfigurationError } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { namedGpus, parseGpu } from '../src/gpus.ts';
import { askPython, requirePython } from './python.ts';

/** What `torch.cuda.get_device_name` tells of each. */
const DEVICE_NAMES: Record<string, string> = {
  B200: 'NVIDIA B200',
  H200: 'NVIDIA H200',
  'H100-80GB': 'NVIDIA H100 80GB HBM3',
  'H100-PCIe': 'NVIDIA H100 PCIe',
  'A100-80GB': 'NVIDIA A100-SXM4-80GB',
  'A100-40GB': 'NVIDIA A100-SXM4-40GB',
  L40S: 'NVIDIA L40S',
  L40: 'NVIDIA L40',
  A40: 'NVIDIA A40',
  A30: 'NVIDIA A30',
  A10: 'NVIDIA A10',
  A10G: 'NVIDIA A10G',
  L4: 'NVIDIA L4',
  RTX4090: 'NVIDIA GeForce RTX 4090',
  RTX3090: 'NVIDIA GeForce RTX 3090',
  'V100-32GB': 'Tesla V100-SXM2-32GB',
};

describe('parseGpu', () => {
  it('reads a count and a name in any spelling', () => {
    expect(parseGpu('8xA100-40GB')).toMatchObject({ count: 8, name: 'A100-40GB', bf16Flops: 312e12 });
    expect(parseGpu('h200')).toMatchObject({ count: 1, name: 'H200' });
    expect(parseGpu(' 2 × NVIDIA GeForce RTX 4090 ')).toMatchObject({ count: 2, name: 'RTX4090' });
    for (const name of ['H100', 'H100-80GB', 'h100 80gb']) expect(parseGpu(name).name).toBe('H100-80GB');
    expect(parseGpu('H200-141GB').name).toBe('H200');
    expect(parseGpu('A100-40GB').memoryBytes / 2 ** 30).toBeCloseTo(39.4);
    for (const { name } of namedGpus()) expect(parseGpu(`4x${name}`)).toMatchObject({ name, count: 4 });
  });

  it('names what was meant', () => {
    expect(() => parseGpu('8xA100-40G')).toThrow(/A100-40G is not a GPU.*\n.*Did you mean A100-40GB\?/);
    expect(() => parseGpu('A100')).toThrow(/Say which: A100-80GB, A100-40GB\./);
    expect(() => parseGpu('V100')).toThrow(/V100 is not a GPU/);
    expect(() => parseGpu('TPU')).toThrow(/There are B200, H200/);
    expect(() => parseGpu('0xH200')).toThrow(ConfigurationError);
    expect(() => parseGpu('')).toThrow(ConfigurationError);
  });
});

it('has the peaks of the trainer', (context) => {
  requirePython(context);
  const program =
    'import json, sys\nfrom prometheus_trainer.model_flops import peak_flops\n' +
    'print(json.dumps([peak_flops(name) for name in json.load(sys.stdin)]))';
  const names = namedGpus().map(({ name }) => DEVICE_NAMES[name]);
  const peaks = askPython<(number | null)[]>({ text: program }, names);
  expect(peaks).toEqual(namedGpus().map(({ bf16Flops }) => bf16Flops ?? null));
});
