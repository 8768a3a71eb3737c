import { readFile, statFile } from '@prometheus-actions/stage';

export interface LossPoint {
  step: number;
  loss: number;
}

/** The losses of a training over its steps, lowest step first. */
export interface LossCurve {
  train: LossPoint[];
  evaluation: LossPoint[];
}

/** Where all that a training logs is kept: beside its output, like its console log. */
export function trainingLogFile(outputDir: string): string {
  return `${outputDir}.training-log.json`;
}

/** The losses in a training log; `undefined` where there is no log, or not two losses in it to draw a line between. */
export async function readLossCurve(file: string): Promise<LossCurve | undefined> {
  if (!statFile(file)) return undefined;
  const log = JSON.parse(readFile(file).toString()) as Record<
    keyof LossCurve,
    { step: number; loss: number | null }[]
  >;
  const train = log.train.filter(isPoint);
  return train.length < 2 ? undefined : { train, evaluation: log.evaluation.filter(isPoint) };
}

/**
 * At most `most` points for a curve: the means of step and loss over stretches of equal width. A curve of no more
 * points stays as it is.
 */
export function thinned(points: readonly LossPoint[], most: number): LossPoint[] {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length <= most) return [...points];
  const width = (last.step - first.step) / most;
  const stretches = Map.groupBy(points, ({ step }) =>
    Math.min(Math.floor((step - first.step) / width), most - 1),
  );
  return [...stretches.values()].map((stretch) => ({
    step: mean(stretch.map(({ step }) => step)),
    loss: mean(stretch.map(({ loss }) => loss)),
  }));
}

/** The loss at a step, on a straight line between the points around it; beyond the ends, the loss at the end. */
export function lossAt(points: readonly LossPoint[], step: number): number {
  const after = points.findIndex((point) => point.step >= step);
  const right = points[after] ?? points.at(-1);
  const left = points[after - 1] ?? right;
  if (!left || !right) throw new RangeError('a curve without points');
  if (left.step === right.step) return right.loss;
  return left.loss + ((right.loss - left.loss) * (step - left.step)) / (right.step - left.step);
}

function isPoint(entry: { step: number; loss: number | null }): entry is LossPoint {
  // A loss that is no number is null in the log, and one beyond a float64 is read as infinite.
  return Number.isFinite(entry.loss) && Number.isFinite(entry.step);
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
