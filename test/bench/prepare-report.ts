import { cpus, totalmem } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { formatBytes } from '@prometheus-actions/stage';
import { type Measurement, ratiosOf, type Spread, spreadOf } from './measure.ts';
import { formatTable } from './table.ts';

export type Contender = 'diskFloor' | 'ours' | 'reference' | 'oursOnTenth';

export const TITLES: Record<Contender, string> = {
  diskFloor: 'disk floor',
  ours: 'ours',
  reference: 'reference',
  oursOnTenth: 'ours, a tenth of the rows',
};

export interface PrepareRuns {
  /** One measurement a round, by contender. */
  runs: Record<Contender, Measurement[]>;
  bytes: { source: number; tenth: number; output: number };
}

/** Rows of a part, and sha256 over them in order. */
interface PartDigest {
  rows: number;
  sha256: string;
}

export type Digests = Record<'ours' | 'reference', Record<'train' | 'test', PartDigest>>;

/** What `--json` prints. */
export interface PrepareReport extends PrepareRuns {
  benchmark: 'prepare-dataset';
  machine: { cpu: string; cores: number; memoryBytes: number; loadBefore: number };
  versions: Record<string, string>;
  summary: Record<Contender, Record<keyof Measurement, Spread> & { megabytesPerSecond: number }>;
  /** Each pair from one round. */
  ratios: Record<'oursToDiskFloor' | 'referenceToOurs' | 'referenceToOursMemory', Spread>;
  /** Of ours, from a tenth of the rows to all of them. */
  growth: { bytes: number; wallSeconds: Spread; peakBytes: Spread };
  data: Digests & { equal: boolean };
}

/** @param loadBefore what the machine had to do already: processes that wanted to run, on average over a minute */
export function reportOf(
  { runs, bytes }: PrepareRuns,
  digests: Digests,
  versions: Record<string, string>,
  loadBefore: number,
): PrepareReport {
  const ratio = (one: Contender, other: Contender, key: keyof Measurement) =>
    ratiosOf(runs[one].map((run, round) => [run[key], (runs[other][round] as Measurement)[key]]));
  return {
    benchmark: 'prepare-dataset',
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      loadBefore,
    },
    versions,
    bytes,
    runs,
    summary: {
      diskFloor: summaryOf(runs.diskFloor, bytes.source),
      ours: summaryOf(runs.ours, bytes.source),
      reference: summaryOf(runs.reference, bytes.source),
      oursOnTenth: summaryOf(runs.oursOnTenth, bytes.tenth),
    },
    ratios: {
      oursToDiskFloor: ratio('ours', 'diskFloor', 'wallSeconds'),
      referenceToOurs: ratio('reference', 'ours', 'wallSeconds'),
      referenceToOursMemory: ratio('reference', 'ours', 'peakBytes'),
    },
    growth: {
      bytes: bytes.source / bytes.tenth,
      wallSeconds: ratio('ours', 'oursOnTenth', 'wallSeconds'),
      peakBytes: ratio('ours', 'oursOnTenth', 'peakBytes'),
    },
    data: { ...digests, equal: isDeepStrictEqual(digests.ours, digests.reference) },
  };
}

/** The report as people read it. */
export function formatReport(report: PrepareReport): string {
  const { bytes, data, growth, machine, ratios, runs, summary, versions } = report;
  const rows = data.ours.train.rows + data.ours.test.rows;
  return [
    `prepare-dataset, ${rows.toLocaleString('en-US')} rows, ${formatBytes(bytes.source)} to ${formatBytes(bytes.output)}, ` +
      `rounds: ${runs.ours.length}`,
    `${machine.cores} cores (${machine.cpu}), ${formatBytes(machine.memoryBytes)} of memory, ` +
      `load before ${machine.loadBefore.toFixed(1)}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    formatTable([
      ['', 'min s', 'median s', 'max s', 'CPU s', 'peak memory', 'MB/s'],
      ...(Object.keys(TITLES) as Contender[]).map((contender) => summaryRow(contender, summary[contender])),
    ]),
    '',
    formatTable([
      ['within a round', 'min', 'median', 'max'],
      ratioRow('ours / disk floor, time', ratios.oursToDiskFloor),
      ratioRow('reference / ours, time', ratios.referenceToOurs),
      ratioRow('reference / ours, peak memory', ratios.referenceToOursMemory),
      ratioRow(`ours, ${growth.bytes.toFixed(1)} times the bytes: time`, growth.wallSeconds),
      ratioRow(`ours, ${growth.bytes.toFixed(1)} times the bytes: peak memory`, growth.peakBytes),
    ]),
    '',
    data.equal
      ? `The same data: ${partLine(data.ours.train)} to train on, ${partLine(data.ours.test)} to test.`
      : `DIFFERENT DATA: ${JSON.stringify({ ours: data.ours, reference: data.reference })}`,
  ].join('\n');
}

function summaryOf(runs: Measurement[], sourceBytes: number): PrepareReport['summary'][Contender] {
  const wallSeconds = spreadOf(runs.map((run) => run.wallSeconds));
  return {
    wallSeconds,
    cpuSeconds: spreadOf(runs.map((run) => run.cpuSeconds)),
    peakBytes: spreadOf(runs.map((run) => run.peakBytes)),
    megabytesPerSecond: sourceBytes / 1e6 / wallSeconds.median,
  };
}

function summaryRow(contender: Contender, summary: PrepareReport['summary'][Contender]): string[] {
  const { wallSeconds, cpuSeconds, peakBytes, megabytesPerSecond } = summary;
  return [
    TITLES[contender],
    ...[wallSeconds.min, wallSeconds.median, wallSeconds.max, cpuSeconds.median].map((value) =>
      value.toFixed(2),
    ),
    formatBytes(peakBytes.max),
    megabytesPerSecond.toFixed(0),
  ];
}

function ratioRow(title: string, { min, median, max }: Spread): string[] {
  return [title, ...[min, median, max].map((value) => value.toFixed(2))];
}

function partLine({ rows, sha256 }: PartDigest): string {
  return `${rows.toLocaleString('en-US')} rows (sha256 ${sha256.slice(0, 16)}…)`;
}
