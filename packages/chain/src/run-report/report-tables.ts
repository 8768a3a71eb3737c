import { formatBytes, formatSeconds } from '@prometheus-actions/stage';
import { moreWarnings, onOneLine, warningsTitle } from '../warnings.ts';
import type { ExpertReport, TrainingCost } from './expert-reports.ts';
import type { RunReport, StageReport } from './run-report.ts';

/** A table of a report; renderers only lay it out. */
export interface ReportTable {
  columns: { label: string; kind: 'text' | 'number' | 'code' }[];
  rows: string[][];
}

/** A table without the columns that are empty in every row. */
export function withoutEmptyColumns({ columns, rows }: ReportTable): ReportTable {
  const filled = columns.map((_, index) => rows.some((row) => row[index]));
  const kept = <Item>(items: readonly Item[]) => items.filter((_, index) => filled[index]);
  return { columns: kept(columns), rows: rows.map(kept) };
}

/** `smoke-7b: complete`, or how much of it is there. */
export function reportTitle({ recipe, complete, totals }: RunReport): string {
  return `${recipe}: ${complete ? 'complete' : `not complete, ${totals.whole} of ${totals.stages} stages done`}`;
}

/** The run in a few figures. */
export function reportFigures({ totals }: RunReport): { label: string; value: string }[] {
  return [
    { label: 'stages done', value: `${totals.whole} of ${totals.stages}` },
    { label: 'time of all stages', value: formatSeconds(totals.seconds) },
    ...(totals.gpuHours === undefined ? [] : [{ label: 'GPU-hours', value: hours(totals.gpuHours) }]),
    ...(totals.tokens > 0 ? [{ label: 'tokens trained on', value: largeCount(totals.tokens) }] : []),
    { label: 'on disk', value: formatBytes(totals.bytes) },
  ];
}

/** What each training was estimated to take beside what it took; empty before any is planned or done. */
export function planAgainstActual({ experts }: RunReport): ReportTable {
  return {
    columns: [
      { label: 'expert', kind: 'text' },
      { label: 'quantity', kind: 'text' },
      { label: 'planned', kind: 'number' },
      { label: 'measured', kind: 'number' },
      { label: 'difference', kind: 'number' },
    ],
    rows: experts.flatMap(({ name, planned, actual }) => {
      const rows = QUANTITIES.flatMap(({ label, key, format, onCpu = true }) => {
        const [before, after] = [planned?.[key], actual?.[key]];
        if (before === undefined && after === undefined) return [];
        const comparable = onCpu || actual?.device === 'GPU';
        return [[label, text(before, format), text(after, format), comparable ? change(before, after) : '']];
      });
      return rows.map((cells, index) => [index === 0 ? name : '', ...cells]);
    }),
  };
}

const QUANTITIES: {
  label: string;
  key: keyof TrainingCost;
  format: (value: number) => string;
  /** False: on a CPU something else is measured than is planned. */
  onCpu?: boolean;
}[] = [
  { label: 'steps', key: 'steps', format: count },
  { label: 'tokens', key: 'tokens', format: count },
  { label: 'memory peak', key: 'peakMemoryBytes', format: formatBytes, onCpu: false },
  { label: 'time', key: 'hours', format: (value) => formatSeconds(3600 * value) },
  { label: 'GPU-hours', key: 'gpuHours', format: hours },
];

/** The losses that the trainings ended with, and how many answers had no part in them, or not to their ends. */
export function lossTable(experts: readonly ExpertReport[]): ReportTable {
  return {
    columns: [
      { label: 'expert', kind: 'text' },
      { label: 'first loss', kind: 'number' },
      { label: 'last loss', kind: 'number' },
      { label: 'evaluation loss', kind: 'number' },
      { label: 'unlabelled rows', kind: 'number' },
      { label: 'cut answers', kind: 'number' },
      { label: 'trained on', kind: 'text' },
    ],
    rows: experts.flatMap(({ name, actual }) => {
      if (!actual) return [];
      const { lossFirst, lossLast, evaluationLoss, device, gpu = device, processes = 1 } = actual;
      const place =
        device === 'CPU' ? `CPU, ${counted(processes, 'process', 'es')}` : `${processes} × ${gpu}`;
      const losses = [lossFirst, lossLast, evaluationLoss].map((value) => text(value, loss));
      const withoutLabel = ofEach(actual.rowsWithoutLabel, actual.testRowsWithoutLabel);
      const cut = ofEach(actual.rowsWithCutAnswer, actual.testRowsWithCutAnswer);
      return [[name, ...losses, withoutLabel, cut, place]];
    }),
  };
}

/** `3`, or `3, test: 1` where the test rows were counted. */
function ofEach(train: number | undefined, test: number | undefined): string {
  return test === undefined ? text(train, count) : `${text(train, count)}, test: ${count(test)}`;
}

/** When each stage ran, for how long, and what it left. */
export function timesTable({ stages }: RunReport): ReportTable {
  return {
    columns: [
      { label: 'stage', kind: 'text' },
      { label: 'state', kind: 'text' },
      { label: 'started (UTC)', kind: 'text' },
      { label: 'time', kind: 'number' },
      { label: 'GPU-hours', kind: 'number' },
      { label: 'files', kind: 'number' },
      { label: 'size', kind: 'number' },
    ],
    rows: stages.map(({ id, state, made }) => [
      id,
      state,
      made ? utc(made.started) : '',
      made ? formatSeconds(made.seconds) : '',
      text(made?.gpuHours, hours),
      text(made?.files, count),
      text(made?.bytes, formatBytes),
    ]),
  };
}

/** `2 warnings` and a line for each, of all stages in the plan's order; undefined where there are none. */
export function reportWarnings({ stages }: RunReport): { title: string; lines: string[] } | undefined {
  let number = 0;
  const lines = stages.flatMap(({ id, made }) => {
    if (!made) return [];
    const { warnings, warningsLeftOut: left } = made;
    number += warnings.length + left;
    // Some name their stage themselves, by its title.
    const title = `${id.replace('/', ' ')}: `;
    const texts = warnings.map((text) => onOneLine(text.startsWith(title) ? text.slice(title.length) : text));
    return [...texts, ...(left > 0 ? [moreWarnings(left)] : [])].map((text) => `${id}: ${text}`);
  });
  return number > 0 ? { title: warningsTitle(number), lines } : undefined;
}

/** The first digits of a digest tell two apart; the whole ones are in the manifests. */
const DIGITS = 12;

/** Which output was made from which: fingerprints and digests. */
export function provenanceTable({ stages }: RunReport): ReportTable {
  return {
    columns: [
      { label: 'stage', kind: 'text' },
      { label: 'fingerprint', kind: 'code' },
      { label: 'output', kind: 'code' },
      { label: 'input', kind: 'text' },
      { label: 'from', kind: 'text' },
      { label: 'its digest', kind: 'code' },
    ],
    rows: stages.flatMap(({ id, made }) => {
      if (!made) return [[id, '', '', '', '', '']];
      const stage = [id, made.fingerprint.slice(0, DIGITS), made.digest.slice(0, DIGITS)];
      const inputs = made.inputs.map(({ name, from, digest, stage, same }) => [
        name,
        stage === undefined ? from : same ? stage : `${stage}, another output than is there now`,
        digest.slice(0, DIGITS),
      ]);
      if (inputs.length === 0) return [[...stage, '', '', '']];
      return inputs.map((input, index) => [...(index === 0 ? stage : ['', '', '']), ...input]);
    }),
  };
}

/** By what the outputs were made: machine, commit, versions; stages that say the same are together. */
export function machinesTable({ stages }: RunReport): ReportTable {
  const rows = new Map<string, StageReport[]>();
  for (const stage of stages.filter(({ made }) => made)) {
    const key = JSON.stringify(machineOf(stage));
    rows.set(key, [...(rows.get(key) ?? []), stage]);
  }
  return {
    columns: [
      { label: 'stages', kind: 'text' },
      { label: 'machine', kind: 'text' },
      { label: 'commit', kind: 'code' },
      { label: 'versions', kind: 'text' },
    ],
    rows: [...rows].map(([key, together]) => [
      together.map(({ id }) => id).join(', '),
      ...(JSON.parse(key) as string[]),
    ]),
  };
}

function machineOf({ made }: StageReport): string[] {
  const { host, system, cpu, cores, memory_bytes } = (made?.hardware ?? {}) as Record<string, unknown>;
  const size = typeof memory_bytes === 'number' ? formatBytes(memory_bytes) : '';
  const machine = [host, system, cpu, cores === undefined ? '' : `${cores} cores`, size];
  return [
    machine.filter(Boolean).join(', '),
    (made?.gitCommit ?? '').replace(/^([0-9a-f]{12})[0-9a-f]{28}/, '$1'),
    Object.entries(made?.versions ?? {})
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ];
}

/** `1,234,567`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 process`, `2 processes`. */
function counted(number: number, noun: string, plural: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : plural}`;
}

/** Four digits: losses are compared by their differences. */
export function loss(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));
}

function largeCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} billion`;
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} million` : count(value);
}

function hours(value: number): string {
  if (value >= 10) return count(Math.round(value));
  return value >= 0.1 ? value.toFixed(1) : value.toFixed(3);
}

function utc(time: string): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):.*$/, '$1 $2');
}

function text(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '' : format(value);
}

/** `+4 %` of what was planned, `=` where nothing differs. */
function change(planned: number | undefined, actual: number | undefined): string {
  if (planned === undefined || actual === undefined || planned === 0) return '';
  if (planned === actual) return '=';
  const percent = (100 * (actual - planned)) / planned;
  const size = Math.abs(percent);
  if (size < 0.1) return '< 0.1 %';
  return `${percent < 0 ? '−' : '+'}${size.toFixed(size < 10 ? 1 : 0)} %`;
}
