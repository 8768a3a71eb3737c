import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Expert, type Launch, readArchitecture, readLaunchConfig } from '@prometheus-actions/recipe';
import { type TrainingSetup, trainingSetup } from '../src/training-setup.ts';

/** One training that `test/bench/memory.py` measured on a GPU; bytes. */
export interface Measured {
  configuration: string;
  rows: number;
  length: number;
  accumulation: number;
  arguments: Record<string, unknown>;
  job: { profile?: 'fast'; micro_batch_tokens?: number; master_weights?: boolean };
  /** A file of recipes/accelerate. */
  launch: string | null;
  processes: number;
  config: Record<string, unknown>;
  peak_allocated_bytes: number;
  peak_reserved_bytes: number;
  backward_peak_bytes: number;
  update_peak_bytes: number;
  before_update_bytes: number;
  outside_bytes: number;
  device_bytes: number;
}

/** All that were measured. */
export function measuredTrainings(): Measured[] {
  const file = path.join(import.meta.dirname, 'measured.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { runs: Measured[] }).runs;
}

/** The training as a recipe says it; its rows were all of one length. */
export function measuredSetup(measured: Measured): TrainingSetup {
  const reading = readArchitecture(measured.config);
  const launch = readLaunchConfig(measured.launch ?? 'ddp', '.', measured.processes, []);
  if ('problem' in reading || !launch) throw new Error(measured.configuration);
  const { job, rows, length, accumulation } = measured;
  const values = {
    dtype: 'bfloat16',
    bf16: true,
    ...measured.arguments,
    per_device_train_batch_size: rows,
    gradient_accumulation_steps: accumulation,
    max_length: length,
  };
  const expert = {
    name: measured.configuration,
    dataset: 'rows',
    training: {
      profile: job.profile ?? 'parity',
      microBatchTokens: job.micro_batch_tokens,
      masterWeights: job.master_weights ?? false,
      arguments: values,
    },
  } as unknown as Expert;
  const setup = trainingSetup({ launch: launch as Launch }, expert, reading.architecture, length);
  return { ...setup, padded: false };
}
