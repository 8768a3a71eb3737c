import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { html, Markup } from './markup.ts';

/*
 * Charts that fill any width with text that stays as large as the page's: the outer SVG has no view box, so places are
 * shares of its size in percent, and only the lines are stretched, in an SVG of their own. Text stands outside of its edges,
 * in the margins that the style sheet leaves.
 */

export interface Chart {
  /** Unique in the page. */
  id: string;
  title: string;
  /** What the chart shows, in a sentence or two, for who can't see it. */
  description: string;
  xLabel: string;
}

/** One line of a chart; a line of one point is a dot. */
export interface Series {
  label: string;
  points: readonly { x: number; y: number }[];
}

/** Points of a path are whole numbers up to this. */
const SIZE = 1000;
const TICKS = 5;

/** Lines over one x axis; the first in the accent colour, the second, dashed and dotted, in that of text. */
export function lineChart(chart: Chart, series: readonly Series[]): Markup {
  const all = series.flatMap(({ points }) => points);
  const x = scaleLinear(extent(all.map((point) => point.x)), [0, 100]);
  const y = scaleLinear(extent(all.map((point) => point.y)), [100, 0]).nice(TICKS);
  const path = line<{ x: number; y: number }>(
    (point) => (x(point.x) * SIZE) / 100,
    (point) => (y(point.y) * SIZE) / 100,
  ).digits(0);
  const drawn = series.map(({ points }, index) => {
    const kind = KINDS[index] ?? 'second';
    return html`${
      points.length > 1 &&
      html`<svg viewBox="0 0 ${SIZE} ${SIZE}" preserveAspectRatio="none" width="100%" height="100%"><path class="${kind}" d="${new Markup(path(points) ?? '')}"></path></svg>`
    }${
      (points.length === 1 || (index > 0 && points.length <= MOST_DOTS)) &&
      points.map(
        (point) =>
          html`<circle class="${kind}" cx="${percent(x(point.x))}" cy="${percent(y(point.y))}" r="3.5"></circle>`,
      )
    }`;
  });
  const xTicks = fewTicks(x);
  const yTicks = y.ticks(TICKS);
  const steps = [...new Set(all.map((point) => point.x))].sort((a, b) => a - b);
  const shown = series.filter(({ points }) => points.length > 0);
  return figure(
    chart,
    html`${yTicks.map((tick) => gridLine(y(tick), tickText(tick, y.tickFormat(TICKS))))}
${xTicks.map(({ at, label }) => xTick(x(at), label))}
${drawn}`,
    shown.length > 1
      ? html`<p class="legend">${shown.map(({ label, points }, index) => html`<span class="key ${KINDS[index] ?? 'second'}${points.length === 1 && ' dot'}">${label}</span>`)}</p>`
      : html``,
    {
      header: [chart.xLabel, ...shown.map(({ label }) => label)],
      rows: steps.map((step) => [
        String(Number(step.toFixed(1))),
        ...shown.map(({ points }) => short(points.find((point) => point.x === step)?.y)),
      ]),
    },
  );
}

/** Whole numbers, so far apart that their labels stand side by side on a small screen. */
function fewTicks(scale: Scale): { at: number; label: string }[] {
  for (let count = TICKS; ; count -= 1) {
    const ticks = scale
      .ticks(count)
      .filter(Number.isInteger)
      .map((at) => ({ at, label: at.toLocaleString('en-US') }));
    const [first, second] = ticks;
    if (!first || !second || count === 1) return ticks;
    const apart = (scale(second.at) - scale(first.at)) / 100;
    const longest = Math.max(...ticks.map(({ label }) => label.length));
    if (apart * SMALLEST_WIDTH >= longest * CHARACTER_WIDTH) return ticks;
  }
}

type Scale = ReturnType<typeof scaleLinear<number, number>>;

/** Pixels of a chart on a screen of 320, and of a digit with some room. */
const SMALLEST_WIDTH = 210;
const CHARACTER_WIDTH = 8;

/** A bar of a chart: how large it is, what it stands for, and what stands under it. */
export interface Bar {
  name: string;
  value: number;
  /** Under its left edge, or under its middle. */
  tick?: { label: string; at: 'start' | 'middle' };
}

/** Bars side by side. */
export function barChart(chart: Chart, bars: readonly Bar[], label: string): Markup {
  const y = scaleLinear([0, Math.max(1, ...bars.map(({ value }) => value))], [100, 0]).nice(TICKS);
  const width = 100 / bars.length;
  return figure(
    chart,
    html`${y
      .ticks(TICKS)
      .filter(Number.isInteger)
      .map((tick) => gridLine(y(tick), tick.toLocaleString('en-US')))}
${bars.map(
  ({ value, tick }, index) =>
    html`<rect class="bar" x="${percent((index + 0.06) * width)}" width="${percent(0.88 * width)}" y="${percent(y(value))}" height="${percent(100 - y(value))}"></rect>${
      tick && xTick((index + (tick.at === 'start' ? 0 : 0.5)) * width, tick.label)
    }`,
)}`,
    html``,
    {
      header: [chart.xLabel, label],
      rows: bars.map(({ name, value }) => [name, value.toLocaleString('en-US')]),
    },
  );
}

const KINDS = ['first', 'second'];
/** More dots than these hide their line. */
const MOST_DOTS = 60;

function figure(
  { id, title, description, xLabel }: Chart,
  shapes: Markup,
  legend: Markup,
  values: { header: readonly string[]; rows: readonly string[][] },
): Markup {
  return html`<figure class="chart" id="${id}">
<figcaption>${title}</figcaption>
${legend}<svg class="plot" role="img" aria-labelledby="${id}-title ${id}-text">
<title id="${id}-title">${title}</title>
<desc id="${id}-text">${description}</desc>
${shapes}
</svg>
<p class="axis">${xLabel}</p>
<details><summary>Values</summary>
<div class="scroll" role="group" aria-label="Values: ${title}" tabindex="0"><table>
<thead><tr>${values.header.map((label) => html`<th scope="col" class="number">${label}</th>`)}</tr></thead>
<tbody>${values.rows.map((row) => html`<tr>${row.map((cell) => html`<td class="number">${cell}</td>`)}</tr>`)}</tbody>
</table></div>
</details>
</figure>
`;
}

function gridLine(at: number, label: string): Markup {
  return html`<line class="grid" x1="0" x2="100%" y1="${percent(at)}" y2="${percent(at)}"></line><text x="-8" y="${percent(at)}" dy="0.32em" text-anchor="end">${label}</text>`;
}

function xTick(at: number, label: string): Markup {
  return html`<text x="${percent(at)}" y="100%" dy="1.6em" text-anchor="middle">${label}</text>`;
}

function percent(value: number): string {
  return `${Number(value.toFixed(2))}%`;
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** Short enough for the margin whatever the size of the values. */
function tickText(tick: number, format: (value: number) => string): string {
  const text = format(tick);
  return text.length <= 6 ? text : tick.toExponential(1);
}

function short(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(5)));
}
