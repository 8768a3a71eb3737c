import { type LossCurve, lossAt, thinned } from './loss-curve.ts';

const MOST_POINTS = 60;

/**
 * A loss curve as a Mermaid chart, which GitHub draws in a job summary. Such a chart spreads the values of each line
 * evenly over its x axis, so both lines are read off at the same even steps; before the first evaluation and after the
 * last, their line is flat.
 */
export function lossCurveMermaid({ train, evaluation }: LossCurve): string {
  const points = thinned(train, MOST_POINTS);
  const [first, last] = [train[0]?.step ?? 0, train.at(-1)?.step ?? 0];
  const steps = points.map((_, index) => first + ((last - first) * index) / (points.length - 1));
  const lines = [points, evaluation]
    .filter((line) => line.length > 0)
    .map((line) => steps.map((step) => lossAt(line, step)));
  const losses = lines.flat();
  return [
    '```mermaid',
    'xychart-beta',
    `  title "Loss: ${lines.length > 1 ? 'training, and evaluation as the second line' : 'training'}"`,
    `  x-axis "step" ${first} --> ${last}`,
    `  y-axis "loss" ${decimal(Math.min(...losses))} --> ${decimal(Math.max(...losses))}`,
    ...lines.map((line) => `  line [${line.map(decimal).join(', ')}]`),
    '```',
    '',
  ].join('\n');
}

/** Mermaid reads no exponents. */
function decimal(value: number): string {
  return String(Number(value.toFixed(4)));
}
