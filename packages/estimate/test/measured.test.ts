import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { estimateMemory } from '../src/memory.ts';
import { type Measured, measuredSetup, measuredTrainings } from './measured-setup.ts';

const TRAININGS = measuredTrainings();
/** Workspaces that PyTorch gives cuBLAS, 32 MiB each on a Hopper GPU, for each stream that multiplies. */
const CUBLAS_BYTES = 4 * 32 * 2 ** 20;

describe('what was measured on a GPU', () => {
  it.each(TRAININGS)(
    '$configuration: the peak of the tensors within 5 %, of both moments too',
    (measured) => {
      const { peaks } = estimateOf(measured);
      expect(share(peaks.backward, measured.backward_peak_bytes)).toBeLessThan(0.05);
      expect(share(peaks.update, measured.update_peak_bytes)).toBeLessThan(0.05);
      expect(share(Math.max(peaks.backward, peaks.update), measured.peak_allocated_bytes)).toBeLessThan(0.05);
    },
  );

  it.each(TRAININGS)(
    '$configuration: weights, gradients and optimizer within 1 %, but for cuBLAS',
    (measured) => {
      const { states } = estimateOf(measured);
      const { weights, masterWeights, gradients, gradientBuckets, moments } = states;
      const held = weights + masterWeights + gradients + gradientBuckets + moments;
      const beyond = Math.abs(measured.before_update_bytes - held) - CUBLAS_BYTES;
      expect(beyond / measured.before_update_bytes).toBeLessThan(0.01);
    },
  );

  it.each(TRAININGS)('$configuration: all that the device had in use within 15 %', (measured) => {
    const used = measured.peak_reserved_bytes + measured.outside_bytes;
    expect(share(estimateOf(measured).total, used)).toBeLessThan(0.15);
  });

  it('is what docs/estimate.md shows', () => {
    const docs = readFileSync(path.join(PROJECT_ROOT, 'docs/estimate.md'), 'utf8');
    expect(docs).toContain(TRAININGS.map(tableRow).join('\n'));
  });
});

function estimateOf(measured: Measured) {
  return estimateMemory(measuredSetup(measured), measured.device_bytes);
}

function share(estimated: number, measured: number): number {
  return Math.abs(estimated / measured - 1);
}

/** A row of the table: the peak of the tensors, in GB, and what the device had in use. */
function tableRow(measured: Measured): string {
  const { peaks, total } = estimateOf(measured);
  const used = measured.peak_reserved_bytes + measured.outside_bytes;
  const pair = (found: number, estimated: number) =>
    `${gigabytes(found)} | ${gigabytes(estimated)} | ${Math.round((estimated / found - 1) * 1000) / 10 + 0} %`;
  const backward = pair(measured.backward_peak_bytes, peaks.backward);
  const peak = pair(measured.peak_allocated_bytes, Math.max(peaks.backward, peaks.update));
  return `| ${measured.configuration} | ${backward} | ${peak} | ${pair(used, total)} |`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}
