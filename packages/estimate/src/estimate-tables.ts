import { formatBytes } from '@prometheus-actions/stage';
import type { ExpertEstimate, RecipeEstimate } from './estimate-recipe.ts';
import { fitLines } from './fit.ts';
import type { Gpus } from './gpus.ts';

/** One table of an estimate: a row a quantity, a column an expert or one value. */
export interface EstimateTable {
  header: string[];
  rows: string[][];
}

/** What an estimate says, in the order in which it is printed; renderers only lay it out. */
export interface EstimateContent {
  headline: string;
  tables: EstimateTable[];
  /** Whether it fits, and what to change; experts of which the same is said are together. */
  fit: { experts: string[]; fits: boolean; lines: string[] }[];
  assumptions: string[];
}

/** The content of an estimate, formatted for people. */
export function estimateContent(estimate: RecipeEstimate): EstimateContent {
  const { experts, gpu, model, processes } = estimate;
  const mixture = model.activeParameters < model.parameters;
  const size = `${billions(model.parameters)} parameters${mixture ? `, ${billions(model.activeParameters)} a token` : ''}`;
  const where = gpu ? ` on ${gpu.count} × ${gpu.name}` : '';
  return {
    headline: `${estimate.recipe}: ${model.type}, ${size}; ${processes} ${processes === 1 ? 'process' : 'processes'}${where}`,
    tables: [memoryTable(experts), scheduleTable(experts), storageTable(estimate)],
    fit: gpu ? fitOf(experts, gpu) : [],
    assumptions: estimate.assumptions,
  };
}

function fitOf(experts: readonly ExpertEstimate[], gpu: Gpus): EstimateContent['fit'] {
  const found: EstimateContent['fit'] = [];
  for (const { name, fit } of experts) {
    if (!fit) continue;
    const lines = fitLines(fit, gpu);
    const same = found.find((other) => other.lines.join() === lines.join());
    if (same) same.experts.push(name);
    else found.push({ experts: [name], fits: fit.fits, lines });
  }
  return found;
}

function memoryTable(experts: readonly ExpertEstimate[]): EstimateTable {
  const row = (name: string, bytes: (expert: ExpertEstimate) => number): string[] => {
    const values = experts.map(bytes);
    return values.every((value) => value === 0) ? [] : [name, ...values.map(formatBytes)];
  };
  return {
    header: ['memory a device', ...experts.map(({ name }) => name)],
    rows: [
      ['trained parameters', ...experts.map(({ parameters }) => billions(parameters.trainable))],
      ['tokens in a micro-batch', ...experts.map(({ memory }) => count(memory.microBatchTokens))],
      ['activations recomputed', ...experts.map(({ memory }) => (memory.recompute ? 'yes' : 'no'))],
      row('weights', ({ memory }) => memory.states.weights),
      row('master weights', ({ memory }) => memory.states.masterWeights),
      row('gradients', ({ memory }) => memory.states.gradients),
      row('buckets of gradients', ({ memory }) => memory.states.gradientBuckets),
      row("optimizer's moments", ({ memory }) => memory.states.moments),
      row('gathered weights', ({ memory }) => memory.gathered.live + memory.gathered.buffer),
      row('gradients summed up', ({ memory }) => memory.states.bucketCopy),
      row('activations', ({ memory }) => memory.activations),
      row('one layer backward', ({ memory }) => memory.layerWork),
      row('logits', ({ memory }) => memory.logits),
      row('peak, forward and backward', ({ memory }) => memory.peaks.backward),
      row("peak, optimizer's step", ({ memory }) => memory.peaks.update),
      row('CUDA and fragments', ({ memory }) => memory.overhead),
      row('needed', ({ memory }) => memory.total),
    ].filter((cells) => cells.length > 0),
  };
}

function scheduleTable(experts: readonly ExpertEstimate[]): EstimateTable {
  const row = (name: string, value: (expert: ExpertEstimate) => string | undefined): string[] => {
    const values = experts.map(value);
    return values.every((each) => each === undefined)
      ? []
      : [name, ...values.map((each) => each ?? 'not known')];
  };
  return {
    header: ['training', ...experts.map(({ name }) => name)],
    rows: [
      row('rows to train on', ({ schedule }) => schedule && count(schedule.rows.train)),
      row('steps', ({ schedule }) => (schedule ? count(schedule.steps) : 'not known')),
      row('examples in a step', ({ schedule }) => schedule && count(schedule.examplesPerStep)),
      row('tokens', ({ schedule }) => schedule && `${(schedule.tokens / 1e6).toFixed(1)} million`),
      row('evaluations', ({ schedule }) => schedule && count(schedule.evaluations)),
      row('checkpoints', ({ schedule }) => schedule && count(schedule.checkpoints)),
      row('MFU', ({ time }) => time && `${(100 * time.mfu).toFixed(0)} %`),
      row('GPU-hours', ({ time }) => time && hours(time.gpuHours)),
      row('hours', ({ time }) => time && hours(time.hours)),
    ].filter((cells) => cells.length > 0),
  };
}

function storageTable({ storage, gpuHours }: RecipeEstimate): EstimateTable {
  const size = (bytes: number | undefined) => (bytes === undefined ? 'not known' : formatBytes(bytes));
  return {
    header: ['disk and network', ''],
    rows: [
      ...storage.artifacts.map(({ id, bytes }) => [id, size(bytes)]),
      ...storage.checkpoints.map(({ expert, atOnce, spare }) => [
        `checkpoints of ${expert}`,
        spare > 0 ? `${size(atOnce)}; with room, ${size(atOnce + spare)}` : size(atOnce),
      ]),
      ['disk in all, needed', size(storage.disk)],
      ...storage.downloads.map(({ what, bytes }) => [`fetched: ${what}`, size(bytes)]),
      ...(gpuHours === undefined ? [] : [['GPU-hours of all experts', hours(gpuHours)]]),
    ],
  };
}

function billions(parameters: number): string {
  return parameters >= 1e9
    ? `${(parameters / 1e9).toFixed(2)} billion`
    : parameters >= 1e6
      ? `${(parameters / 1e6).toFixed(1)} million`
      : count(parameters);
}

function hours(value: number): string {
  return value >= 10 ? count(Math.round(value)) : value.toFixed(1);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
