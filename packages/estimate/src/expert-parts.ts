import type { Expert, ModelArchitecture, Recipe } from '@prometheus-actions/recipe';
import { type KnownRows, publishedRows, type Schedule, scheduleOf } from './schedule.ts';
import { type TrainingSetup, trainingSetup } from './training-setup.ts';

/** An expert, how it is trained, and how long. */
export interface ExpertParts {
  expert: Expert;
  setup: TrainingSetup;
  /** Absent where the rows are not known. */
  schedule: Schedule | undefined;
}

/** What the estimates of one expert follow from. */
export function expertParts(
  recipe: Recipe,
  expert: Expert,
  {
    architecture,
    rows,
  }: { architecture: ModelArchitecture; rows?: Readonly<Record<string, KnownRows>> | undefined },
): ExpertParts {
  const dataset = recipe.datasets[expert.dataset];
  const known = rows?.[expert.dataset] ?? (dataset && publishedRows(dataset));
  return {
    expert,
    setup: trainingSetup(recipe, expert, architecture, known?.longestTokens),
    schedule: known && scheduleOf(recipe, expert, known),
  };
}
