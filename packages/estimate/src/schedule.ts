import type { DatasetSection, Expert, Recipe } from '@prometheus-actions/recipe';

/** What is known of the rows of a dataset, before or after it is prepared. */
export interface KnownRows {
  train: number;
  test: number;
  /** Tokens of a row, on the mean. */
  meanTokens: number;
  /** Tokens of the longest row, as it is trained on; undefined where it is not known. */
  longestTokens?: number;
  /** Where this is known from, for people. */
  source: string;
}

/** How long an expert's training is. */
export interface Schedule {
  rows: KnownRows;
  epochs: number;
  stepsPerEpoch: number;
  steps: number;
  examplesPerStep: number;
  /** Tokens that are trained on, in all. */
  tokens: number;
  evaluations: number;
  evaluationTokens: number;
  checkpoints: number;
}

/** Rows of the two published collections, which is what they have on the hub (arXiv 2405.01535). */
const PUBLISHED_ROWS: Record<string, number> = {
  'prometheus-eval/Feedback-Collection': 99_952,
  'prometheus-eval/Preference-Collection': 199_760,
};
/** Of their rows, as measured on a sample with the Mistral tokenizer. */
const PUBLISHED_MEAN_TOKENS = 1_215;

/** What is known of a dataset's rows without reading them: of the published collections alone. */
export function publishedRows(dataset: DatasetSection): KnownRows | undefined {
  const rows = dataset.sources.map((source) => ('hub' in source ? PUBLISHED_ROWS[source.hub] : undefined));
  let total = 0;
  for (const count of rows) {
    if (count === undefined) return undefined;
    total += count;
  }
  const kept = Math.min(total, dataset.limit ?? total);
  const { split } = dataset;
  const size = split === 'none' ? 0 : split.test_size;
  const test = size < 1 ? Math.ceil(kept * size) : size;
  return {
    train: kept - test,
    test,
    meanTokens: PUBLISHED_MEAN_TOKENS,
    source: `the published collection's ${total.toLocaleString('en-US')} rows, ${PUBLISHED_MEAN_TOKENS.toLocaleString('en-US')} tokens a row on the mean`,
  };
}

/**
 * Steps, tokens, evaluations and checkpoints of an expert's training, as transformers counts them: batches are shared
 * out over the processes, the last one of an epoch included, and a step at the end of an epoch may have fewer.
 */
export function scheduleOf(
  { launch }: Pick<Recipe, 'launch'>,
  { training }: Expert,
  rows: KnownRows,
): Schedule {
  const values = training.arguments;
  const perDevice = Number(values.per_device_train_batch_size ?? 8);
  const accumulation = Number(values.gradient_accumulation_steps ?? 1);
  const batches = Math.ceil(Math.ceil(rows.train / perDevice) / launch.processes);
  const stepsPerEpoch = Math.max(1, Math.ceil(batches / accumulation));
  const wanted = Number(values.num_train_epochs ?? 3);
  const maxSteps = Number(values.max_steps ?? -1);
  const steps = maxSteps > 0 ? maxSteps : Math.ceil(wanted * stepsPerEpoch);
  const epochs = steps / stepsPerEpoch;
  const evaluations =
    rows.test > 0
      ? timesOf(
          values.eval_strategy ?? 'epoch',
          values.eval_steps ?? values.logging_steps ?? 10,
          steps,
          epochs,
        )
      : 0;
  return {
    rows,
    epochs,
    stepsPerEpoch,
    steps,
    examplesPerStep: perDevice * accumulation * launch.processes,
    tokens: Math.round(epochs * rows.train * rows.meanTokens),
    evaluations,
    evaluationTokens: evaluations * rows.test * rows.meanTokens,
    checkpoints: timesOf(values.save_strategy ?? 'epoch', values.save_steps ?? 500, steps, epochs),
  };
}

/** How often something happens that a strategy says: by the step, at the end of an epoch, or never. */
function timesOf(strategy: unknown, every: unknown, steps: number, epochs: number): number {
  if (strategy === 'epoch') return Math.ceil(epochs);
  if (strategy !== 'steps') return 0;
  const interval = Number(every ?? 500);
  // Below 1 it is a share of all steps; the last step is saved and evaluated whatever the interval is.
  const length = interval < 1 ? Math.ceil(interval * steps) : interval;
  return Math.ceil(steps / length);
}
