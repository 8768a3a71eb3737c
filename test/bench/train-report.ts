import { formatBytes } from '@prometheus-actions/stage';
import { formatTable } from './table.ts';

type TrainContender = 'upstream' | 'parity' | 'fast';

const TITLES: Record<TrainContender, string> = { upstream: 'upstream-like', parity: 'parity', fast: 'fast' };

interface TrainRun {
  /** Padding not counted, of the steps that count. */
  tokens: number;
  tokens_per_second: number;
  /** Model FLOPs utilisation, 0 to 1; null where the peak of the device is not known. */
  mfu: number | null;
  peak_memory_bytes: number;
  /** Of each step, the warm-up included. */
  losses: number[];
  notices: string[];
  seconds_in_all: number;
}

/** What `train_contenders.py` prints. */
export interface TrainReport {
  shape: string;
  parameters: number;
  /** Precision of the weights that the optimizer updates, and of its moments. */
  states: 'bfloat16' | 'float32';
  device: string;
  steps: number;
  /** First steps, that do not count for the speed. */
  warm_up: number;
  /** Examples in a step. */
  batch: number;
  dataset: string | null;
  versions: Record<string, string>;
  runs: Partial<Record<TrainContender, TrainRun>>;
}

/** The report as people read it. */
export function formatTrainReport(report: TrainReport): string {
  const runs = Object.entries(report.runs) as [TrainContender, TrainRun][];
  const first = runs[0] as (typeof runs)[number];
  const farthest = (run: TrainRun) =>
    Math.max(...run.losses.map((loss, step) => Math.abs(loss - (first[1].losses[step] as number))));
  return [
    `sft-train, shape ${report.shape} (${(report.parameters / 1e9).toFixed(2)} billion parameters), states in ` +
      `${report.states}, ${report.batch} examples a step`,
    `${report.device}; ${Object.entries(report.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `${report.steps} steps, of which the first ${report.warm_up} do not count for the speed; ` +
      (report.dataset ?? 'rows of random words, lengths log-normal'),
    '',
    formatTable([
      ['', 'tokens/s', `/ ${TITLES[first[0]]}`, 'MFU', 'peak memory', 'farthest loss'],
      ...runs.map(([contender, run]) => [
        TITLES[contender],
        run.tokens_per_second.toLocaleString('en-US', { maximumFractionDigits: 0 }),
        (run.tokens_per_second / first[1].tokens_per_second).toFixed(2),
        run.mfu === null ? '-' : `${(100 * run.mfu).toFixed(1)} %`,
        formatBytes(run.peak_memory_bytes),
        farthest(run).toFixed(4),
      ]),
    ]),
    '',
    formatTable([
      ['loss of step', ...runs.map(([contender]) => TITLES[contender])],
      ...first[1].losses
        .slice(0, 10)
        .map((_, step) => [String(step + 1), ...runs.map(([, run]) => (run.losses[step] ?? 0).toFixed(4))]),
    ]),
    ...runs.flatMap(([, run]) => run.notices.map((notice) => `\n${notice}`)),
  ].join('\n');
}
