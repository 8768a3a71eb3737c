import {
  type DataReport,
  dataReportFindings,
  hasTail,
  reportLines,
  SCALE_VERDICTS,
} from '@prometheus-actions/dataset';
import { formatBytes, formatSeconds } from '@prometheus-actions/stage';
import { type LossPoint, thinned } from '../../loss-curve.ts';
import type { Comparison, MergeMetrics } from '../../merge-report.ts';
import type { ExpertReport } from '../expert-reports.ts';
import { count, loss, lossTable, type ReportTable, withoutEmptyColumns } from '../report-tables.ts';
import { barChart, lineChart } from './chart.ts';
import { html, type Markup } from './markup.ts';

/** A table in a box of its own, which scrolls where it is wider than the page. */
export function tableMarkup(title: string, table: ReportTable): Markup {
  const { columns, rows } = withoutEmptyColumns(table);
  const cell = (text: string, index: number) => {
    const kind = columns[index]?.kind ?? 'text';
    if (index === 0 && text !== '') {
      return text.length > LONG
        ? html`<th scope="row" class="long">${breakable(text)}</th>`
        : html`<th scope="row">${text}</th>`;
    }
    if (kind === 'text' && text.length > LONG) return html`<td class="text long">${breakable(text)}</td>`;
    const shown = kind === 'code' && text !== '' ? html`<code>${text}</code>` : text;
    return html`<td class="${kind}">${shown}</td>`;
  };
  return html`<div class="scroll" role="group" aria-label="${title}" tabindex="0"><table>
<thead><tr>${columns.map(({ label, kind }) =>
    label === '' ? html`<td></td>` : html`<th scope="col" class="${kind}">${label}</th>`,
  )}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr${row[0] === '' && html` class="more"`}>${row.map(cell)}</tr>
`,
  )}</tbody>
</table></div>
`;
}

/** A text of more characters has room to be broken into lines. */
const LONG = 28;

/** A path is broken between its folders rather than within a name. */
function breakable(text: string): Markup {
  const [first = '', ...rest] = text.split(/(?<=\/)/);
  return html`${first}${rest.map((part) => html`<wbr>${part}`)}`;
}

/** The loss curves of the trainings, and what they ended with. */
export function trainingMarkup(experts: readonly ExpertReport[]): Markup {
  const losses = lossTable(experts);
  return html`${losses.rows.length > 0 && tableMarkup('Losses', losses)}<div class="charts">
${experts.map(lossChart)}</div>
`;
}

/** More points than there are pixels on a small screen would only make the page large. */
const MOST_POINTS = 300;

function lossChart({ name, curve }: ExpertReport, index: number): Markup {
  const [first, last] = [curve?.train[0], curve?.train.at(-1)];
  if (!curve || !first || !last) return html``;
  const evaluation = curve.evaluation.at(-1);
  return lineChart(
    {
      id: `loss-${index + 1}`,
      title: `Loss of ${name}`,
      description: `The training loss goes from ${loss(first.loss)} at step ${first.step} to ${loss(last.loss)} at step ${last.step}.${evaluation ? ` The evaluation loss at step ${evaluation.step} is ${loss(evaluation.loss)}.` : ''}`,
      xLabel: 'step',
    },
    [
      { label: 'training', points: places(thinned(curve.train, MOST_POINTS)) },
      { label: 'evaluation', points: places(thinned(curve.evaluation, MOST_POINTS)) },
    ],
  );
}

function places(points: readonly LossPoint[]) {
  return points.map((point) => ({ x: point.step, y: point.loss }));
}

/** What was found in each dataset, its figures, and how long its rows are. */
export function dataMarkup(datasets: Readonly<Record<string, DataReport>>): Markup {
  return html`${Object.entries(datasets).map(([name, report], index) => {
    const findings = dataReportFindings(report);
    const parts = report.test ? ['train', 'test'] : ['train'];
    const table: ReportTable = {
      columns: [
        { label: 'quantity', kind: 'text' },
        ...parts.map((label) => ({ label, kind: 'number' as const })),
      ],
      rows: reportLines(report).map(({ label, cells }) => [label, ...cells]),
    };
    return html`<h3>${name}</h3>
${
  findings.length > 0 &&
  html`<ul>${findings.map(({ severity, message }) => html`<li><strong>${severity}:</strong> ${message}</li>`)}</ul>
`
}${tableMarkup(`Figures of ${name}`, table)}<div class="charts">
${lengthChart(name, report, index)}${verdictChart(name, report, index)}</div>
`;
  })}`;
}

function lengthChart(name: string, { train }: DataReport, index: number): Markup {
  const { histogram, percentiles } = train.characters.conversation;
  const { edges, counts } = histogram;
  const tail = hasTail(histogram) ? ' The last bar is wider: it stands for all longer ones.' : '';
  const every = Math.ceil(counts.length / MOST_EDGES);
  return barChart(
    {
      id: `lengths-${index + 1}`,
      title: `Train rows by length: ${name}`,
      description: `Nine of ten conversations have ${count(percentiles.p5)} to ${count(percentiles.p95)} characters, half of them at most ${count(percentiles.p50)}.${tail}`,
      xLabel: 'characters of the conversation',
    },
    counts.map((value, bin) => {
      const [from = '', to = ''] = edges.slice(bin, bin + 2).map(count);
      const tick = { label: from, at: 'start' as const };
      return { name: `from ${from}, below ${to}`, value, ...(bin % every === 0 && { tick }) };
    }),
    'rows',
  );
}

/** Labels of edges that stand side by side on a small screen. */
const MOST_EDGES = 6;

/** A judge learns to give the verdicts as often as it sees them. */
function verdictChart(name: string, { train }: DataReport, index: number): Markup {
  const kinds = train.verdict_scale ? SCALE_VERDICTS[train.verdict_scale] : [];
  const bars = kinds.map((kind) => ({
    name: kind,
    value: train.verdicts[kind] ?? 0,
    tick: { label: kind, at: 'middle' as const },
  }));
  if (bars.length === 0) return html``;
  const listed = bars.map((bar) => `${count(bar.value)} rows have the verdict ${bar.name}`);
  return barChart(
    {
      id: `verdicts-${index + 1}`,
      title: `Train rows by verdict: ${name}`,
      description: `${listed.join(', ')}.`,
      xLabel: 'verdict',
    },
    bars,
    'rows',
  );
}

/** How the merged models differ, over all and layer by layer. */
export function mergeMarkup(merge: MergeMetrics): Markup {
  const { method, models, donor, comparison } = merge;
  return html`<p>${method} of ${models.map(named).join(', ')}; config and tokenizer of ${named(donor)}. ${formatBytes(merge.bytes_read)} read, ${formatBytes(merge.bytes_written)} written in ${formatSeconds(merge.seconds)}.</p>
${comparison && comparisonMarkup({ ...comparison, models: comparison.models.map(named) })}`;
}

function comparisonMarkup({ base, models, pairs, changed, layers, sampled_elements }: Comparison): Markup {
  const pair = (pairs[0]?.models ?? []).map((index) => models[index] ?? '').join(' – ');
  const ofWhat = base ? 'task vectors' : 'weights';
  const likeness = (value: { distance?: number; cosine?: number | null; sign_conflict?: number | null }) => [
    number(value.distance),
    number(value.cosine),
    percent(value.sign_conflict),
  ];
  const likenessColumns = ['distance', 'cosine', 'sign conflict'].map((label) => ({
    label,
    kind: 'number' as const,
  }));
  const pairTable: ReportTable = {
    columns: [
      { label: 'models', kind: 'text' },
      ...likenessColumns,
      { label: 'equal elements', kind: 'number' },
    ],
    rows: pairs.map((each) => [
      each.models.map((index) => models[index] ?? '').join(' – '),
      ...likeness(each),
      percent(each.equal),
    ]),
  };
  const layerTable: ReportTable = {
    columns: [
      { label: 'layer', kind: 'text' },
      ...likenessColumns,
      ...(changed ? models : []).map((model) => ({ label: `changed: ${model}`, kind: 'number' as const })),
    ],
    rows: layers.map((layer) => [
      String(layer.layer),
      ...likeness(layer),
      ...(layer.changed ?? []).map(percent),
    ]),
  };
  const chart = (id: string, title: string, value: 'distance' | 'cosine') => {
    const points = layers.flatMap(({ layer, [value]: y }) =>
      typeof layer === 'number' && typeof y === 'number' ? [{ x: layer, y }] : [],
    );
    if (points.length < 2) return html``;
    const all = points.map(({ y }) => y);
    const description = `Over ${points.length} layers it goes from ${number(all[0])} to ${number(all.at(-1))}; the least is ${number(Math.min(...all))}, the most ${number(Math.max(...all))}.`;
    return lineChart({ id, title, description, xLabel: 'layer' }, [{ label: value, points }]);
  };
  return html`${pairs.length > 0 && tableMarkup('How the merged models differ', pairTable)}${
    changed &&
    html`<p>Elements that differ from the base: ${changed.map((share, index) => `${models[index]} ${percent(share)}`).join(', ')}.</p>
`
  }<div class="charts">
${chart('merge-distance', `Distance of ${pair}, by layer`, 'distance')}${chart('merge-cosine', `Cosine of their ${ofWhat}, by layer`, 'cosine')}</div>
<details><summary>Layer by layer</summary>
${tableMarkup('The models layer by layer', layerTable)}</details>
<p class="quiet">Distance: ‖x₀ − x₁‖ ∕ ‖x₀‖. Cosine${base && ' and sign conflict'}: of the ${ofWhat}${base && ' (model − base)'}. From a sample of ${count(sampled_elements)} elements, spread evenly over each tensor.</p>
`;
}

/** `${absolute}` of a configuration is the expert absolute. */
function named(model: string): string {
  return model.replace(/^\$\{(.+)\}$/, '$1');
}

function number(value: number | null | undefined): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(3))) : '';
}

function percent(value: number | null | undefined): string {
  return typeof value === 'number' ? `${(100 * value).toFixed(1)} %` : '';
}
