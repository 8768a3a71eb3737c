import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { type LossCurve, type LossPoint, thinned } from './loss-curve.ts';

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { top: 44, right: 32, bottom: 48, left: 60 };
/** More than there are pixels would only make the file large. */
const MOST_POINTS = 600;

// No CSS variables: viewers other than browsers don't know them.
const STYLE = `
    text { fill: #1f2328; font: 12px system-ui, sans-serif; }
    .title { font-size: 15px; font-weight: 600; }
    .paper { fill: #ffffff; }
    .grid { stroke: #d8dee4; }
    .train { fill: none; stroke: #0969da; stroke-width: 2; }
    .evaluation { fill: none; stroke: #bc4c00; stroke-width: 2; }
    .point { fill: #bc4c00; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .paper { fill: #0d1117; }
      .grid { stroke: #30363d; }
      .train { stroke: #58a6ff; }
      .evaluation { stroke: #f0883e; }
      .point { fill: #f0883e; }
    }`;

/** A loss curve as an SVG that needs nothing else, and follows its reader's choice of light or dark. */
export function lossCurveSvg({ train, evaluation }: LossCurve, title: string): string {
  const points = thinned(train, MOST_POINTS);
  const all = [...points, ...evaluation];
  const x = scaleLinear(extent(all.map(({ step }) => step)), [MARGIN.left, WIDTH - MARGIN.right]);
  const y = scaleLinear(extent(all.map(({ loss }) => loss)), [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(6);
  const path = line<LossPoint>(
    ({ step }) => x(step),
    ({ loss }) => y(loss),
  ).digits(1);
  const name = escapeXml(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${name}">`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>`,
    `  <text class="title" x="${MARGIN.left}" y="26">${name}</text>`,
    ...y.ticks(6).map((tick) => {
      const at = y(tick).toFixed(1);
      return `  <path class="grid" d="M${MARGIN.left},${at}H${WIDTH - MARGIN.right}"/><text x="${MARGIN.left - 8}" y="${at}" dy="4" text-anchor="end">${y.tickFormat(6)(tick)}</text>`;
    }),
    ...x
      .ticks(8)
      .filter(Number.isInteger)
      .map((tick) => {
        return `  <text x="${x(tick).toFixed(1)}" y="${HEIGHT - MARGIN.bottom + 20}" text-anchor="middle">${x.tickFormat(8)(tick)}</text>`;
      }),
    `  <text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 8}" text-anchor="end">step</text>`,
    `  <path class="train" d="${path(points)}"/>`,
    ...legend('train', 'training', WIDTH - 220),
    ...(evaluation.length === 0
      ? []
      : [
          `  <path class="evaluation" d="${path(evaluation)}"/>`,
          ...evaluation.map(
            ({ step, loss }) =>
              `  <circle class="point" cx="${x(step).toFixed(1)}" cy="${y(loss).toFixed(1)}" r="3"/>`,
          ),
          ...legend('evaluation', 'evaluation', WIDTH - 120),
        ]),
    '</svg>',
    '',
  ].join('\n');
}

function legend(kind: string, label: string, left: number): string[] {
  return [`  <path class="${kind}" d="M${left},21h20"/>`, `  <text x="${left + 26}" y="25">${label}</text>`];
}

function extent(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
