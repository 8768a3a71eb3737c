import { formatBytes } from '@prometheus-actions/stage';
import { type Measurement, ratiosOf, type Spread, spreadOf } from './measure.ts';
import { type Method, needsBase } from './merge-configs.ts';
import { formatTable } from './table.ts';

/** By the stages' metrics, and as the system counts them. */
interface Bytes {
  read: number;
  written: number;
  systemRead: number;
  systemWritten: number;
}

/** Two adapters of a small Mixtral: merged in one pass, and first each into its base. */
export interface AdapterCase {
  rank: number;
  onePass: Bytes;
  twoSteps: Bytes;
}

/** What `--json` prints. */
export interface MergeReport {
  benchmark: 'model-merge';
  machine: { cpu: string; cores: number; loadBefore: number };
  shape: string;
  versions: Record<string, string>;
  methods: Method[];
  mergekitMethods: Method[];
  /** One measurement a round, by contender. */
  runs: Record<string, Measurement[]>;
  adapters: AdapterCase[];
  memory: { shape: string; peakBytes: number }[];
}

/** The report as people read it. */
export function formatMergeReport(report: MergeReport): string {
  const { adapters, machine, memory, runs, shape, versions } = report;
  const lines = [
    `model-merge, models of the shape ${shape} in bfloat16`,
    `${machine.cores} cores (${machine.cpu}), load before ${machine.loadBefore.toFixed(1)}; ` +
      Object.entries(versions)
        .filter(([, version]) => version)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
  ];
  if (Object.keys(runs).length > 0) {
    const rows = Object.entries(runs).map(([name, measured]) => {
      const seconds = spreadOf(measured.map((run) => run.wallSeconds));
      return [
        name,
        ...[seconds.min, seconds.median, seconds.max, median(measured, 'cpuSeconds')].map((n) =>
          n.toFixed(2),
        ),
        formatBytes(Math.max(...measured.map((run) => run.peakBytes))),
      ];
    });
    lines.push('', formatTable([['', 'min s', 'median s', 'max s', 'CPU s', 'peak memory'], ...rows]));
    lines.push('', formatTable([['within a round', 'min', 'median', 'max'], ...ratioRows(report)]));
  }
  if (memory.length > 0)
    lines.push(
      '',
      formatTable([
        ['linear, by size', 'peak memory'],
        ...memory.map(({ shape: size, peakBytes }) => [size, formatBytes(peakBytes)]),
      ]),
    );
  if (adapters.length > 0) {
    const total = (bytes: Bytes) => bytes.read + bytes.written;
    const system = (bytes: Bytes) => bytes.systemRead + bytes.systemWritten;
    lines.push(
      '',
      formatTable([
        ['two adapters, bytes', 'one pass', 'two steps', 'ratio', 'ratio by the system'],
        ...adapters.map(({ rank, onePass, twoSteps }) => [
          `rank ${rank} of width 512`,
          formatBytes(total(onePass)),
          formatBytes(total(twoSteps)),
          percent(total(onePass) / total(twoSteps)),
          percent(system(onePass) / system(twoSteps)),
        ]),
      ]),
    );
  }
  return lines.join('\n');
}

function ratioRows({ methods, mergekitMethods, runs }: MergeReport): string[][] {
  const rows: string[][] = [];
  for (const method of methods) {
    const ours = seconds(runs[`ours ${method}`]);
    const floor = fastest(runs, `floor of ${needsBase(method) ? 3 : 2},`);
    rows.push(ratioRow(`ours ${method} / floor`, ours, floor));
    if (method === 'linear')
      rows.push(ratioRow('naive loop / ours linear', seconds(runs['naive loop linear']), ours));
    if (mergekitMethods.includes(method))
      rows.push(ratioRow(`mergekit / ours, ${method}`, fastest(runs, `mergekit ${method}`), ours));
  }
  return rows;
}

/** Of each round, the seconds of the fastest of the contenders whose name begins so. */
function fastest(runs: MergeReport['runs'], prefix: string): number[] {
  const all = Object.entries(runs)
    .filter(([name]) => name.startsWith(prefix))
    .map(([, measured]) => seconds(measured));
  return (all[0] ?? []).map((_, round) => Math.min(...all.map((each) => each[round] as number)));
}

function seconds(measured: Measurement[] | undefined): number[] {
  return (measured ?? []).map((run) => run.wallSeconds);
}

function ratioRow(title: string, one: number[], other: number[]): string[] {
  const {
    min,
    median: middle,
    max,
  }: Spread = ratiosOf(one.map((value, round) => [value, other[round] as number] as const));
  return [title, ...[min, middle, max].map((value) => value.toFixed(2))];
}

function median(measured: Measurement[], key: keyof Measurement): number {
  return spreadOf(measured.map((run) => run[key])).median;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
