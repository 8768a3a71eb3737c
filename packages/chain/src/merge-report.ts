import { formatBytes, formatSeconds, type Json, markdown, visibleText } from '@prometheus-actions/stage';

/** What a merge says of itself; figures of the comparison are from a sample of each tensor. */
export interface MergeMetrics {
  method: string;
  /** Names of the merged models, as in the configuration. */
  models: string[];
  donor: string;
  tensors: number;
  bytes_read: number;
  bytes_written: number;
  shards_kept?: number;
  seconds: number;
  /** Absent where the engine compares nothing. */
  comparison?: Comparison | null;
}

export interface Comparison {
  /** Whether the base model was there to take task vectors against. */
  base: boolean;
  sampled_elements: number;
  models: string[];
  pairs: (Likeness & { models: [number, number]; equal: number })[];
  /** Of each model, the share of elements that differ from the base. */
  changed: number[] | null;
  /** Of the first pair; without the likeness where there is one model only. */
  layers: (Partial<Likeness> & { layer: 'embeddings' | 'head' | number; changed: number[] | null })[];
}

/** `‖x₀-x₁‖ / ‖x₀‖` of two models; with a base, cosine and the share of opposite signs are of their task vectors. */
interface Likeness {
  distance: number;
  cosine: number | null;
  sign_conflict: number | null;
}

/** A merge in a few words, for the last line of the stage. */
export function describeMerge(metrics: Json): string {
  const { method, models, comparison } = metrics as Partial<MergeMetrics>;
  const [pair] = comparison?.pairs ?? [];
  return [
    method && models ? `${method} of ${models.length} ${models.length === 1 ? 'model' : 'models'}` : '',
    pair ? `experts ${decimal(pair.distance)} apart` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** How the merged models differ, for a job summary: a sentence, tables, and charts over the layers; empty without metrics. */
export function mergeReport(metrics: Json): string {
  const merge = metrics as unknown as MergeMetrics;
  if (!merge.method || !merge.models) return '';
  const kept = merge.shards_kept
    ? ` ${Number(merge.shards_kept)} shards were there from an interrupted run and were kept.`
    : '';
  const lines = [
    '#### Merge report',
    '',
    `${markdown(merge.method)} of ${merge.models.map(name).join(', ')}; config and tokenizer of ${name(merge.donor)}. ` +
      `${formatBytes(merge.bytes_read)} read, ${formatBytes(merge.bytes_written)} written in ${formatSeconds(merge.seconds)}.${kept}`,
    '',
  ];
  return [...lines, ...(merge.comparison ? comparisonLines(merge.comparison) : [])].join('\n');
}

function comparisonLines(comparison: Comparison): string[] {
  const { base, models, pairs, changed, layers } = comparison;
  const ofWhat = base ? 'task vectors (model - base)' : 'weights';
  const pair = pairs[0]?.models.map((index) => models[index] ?? '') ?? models;
  return [
    ...(pairs.length > 0 ? pairTable(comparison) : []),
    ...(changed ? [`Elements that differ from the base: ${listed(models, changed)}.`, ''] : []),
    ...chart(
      `Distance of ${pair.map(plain).join(' and ')}`,
      'distance',
      layers.map(({ layer, distance }) => ({ layer, value: distance })),
    ),
    ...chart(
      `Cosine of their ${ofWhat}`,
      'cosine',
      layers.map(({ layer, cosine }) => ({ layer, value: cosine })),
    ),
    `<details><summary>${pair.map(name).join(' – ')}, layer by layer</summary>`,
    '',
    `| layer | distance | cosine | sign conflict |${changed ? models.map((model) => ` changed: ${name(model)} |`).join('') : ''}`,
    `| --- | ---: | ---: | ---: |${changed ? ' ---: |'.repeat(models.length) : ''}`,
    ...layers.map(
      (layer) =>
        `| ${markdown(String(layer.layer))} | ${likeness(layer)} |${changed ? (layer.changed ?? []).map((value) => ` ${share(value)} |`).join('') : ''}`,
    ),
    '',
    '</details>',
    '',
    `Distance: ‖x₀ - x₁‖ / ‖x₀‖. Cosine${base ? ' and sign conflict' : ''}: of the ${ofWhat}. From a sample of ${Number(comparison.sampled_elements).toLocaleString('en-US')} elements, spread evenly over each tensor.`,
    '',
  ];
}

function pairTable({ models, pairs }: Comparison): string[] {
  return [
    '| | distance | cosine | sign conflict | equal elements |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...pairs.map((pair) => {
      const names = pair.models.map((index) => name(models[index] ?? '')).join(' – ');
      return `| ${names} | ${likeness(pair)} | ${share(pair.equal)} |`;
    }),
    '',
  ];
}

function listed(models: string[], shares: number[]): string {
  return shares.map((value, index) => `${name(models[index] ?? '')} ${share(value)}`).join(', ');
}

/** A Mermaid chart over the transformer layers; none for fewer than two, or where a value is missing. */
function chart(
  title: string,
  axis: string,
  points: { layer: string | number; value: number | null | undefined }[],
): string[] {
  const numbered = points.filter(({ layer }) => typeof layer === 'number');
  const values = numbered.flatMap(({ value }) => (typeof value === 'number' ? [value] : []));
  if (values.length < 2 || values.length < numbered.length) return [];
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${title}"`,
    `  x-axis "layer" ${numbered[0]?.layer} --> ${numbered.at(-1)?.layer}`,
    `  y-axis "${axis}" ${decimal(low)} --> ${decimal(high > low ? high : low + 1)}`,
    `  line [${values.map(decimal).join(', ')}]`,
    '```',
    '',
  ];
}

/** Three cells; empty where there is nothing to say, as of the angle of a task vector that is 0. */
function likeness({ distance, cosine, sign_conflict: conflict }: Partial<Likeness>): string {
  return [
    typeof distance === 'number' ? decimal(distance) : '',
    typeof cosine === 'number' ? cosine.toFixed(3) : '',
    typeof conflict === 'number' ? share(conflict) : '',
  ].join(' | ');
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** Three digits, without an exponent, which Mermaid can't read. */
function decimal(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return String(Number(value.toFixed(Math.min(digits, 6)))).replace(/^.*e-.*$/, '0');
}

/** As code, so that nothing in it is Markdown. */
function name(text: string): string {
  return `\`${visibleText(text.replace(/[`|<>\r\n]/g, ' '))}\``;
}

function plain(text: string): string {
  return visibleText(text.replace(/["`<>\r\n;]/g, ' '));
}
