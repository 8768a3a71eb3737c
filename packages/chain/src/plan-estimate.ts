import { estimateRecipe, type Gpus, type RecipeEstimate } from '@prometheus-actions/estimate';
import type { Plan, Recipe } from '@prometheus-actions/recipe';
import { fetchArchitecture } from './fetch-architecture.ts';
import { preparedRows } from './known-rows.ts';

/**
 * What a plan costs: with the architecture of its base model, from the hub where it must, and the rows of what is
 * prepared already.
 *
 * @returns a problem where the architecture can't be had
 */
export async function planEstimate(
  { recipe, plan }: { recipe: Recipe; plan: Plan },
  gpu: Gpus | undefined,
  signal?: AbortSignal,
): Promise<RecipeEstimate | { problem: string }> {
  const reading = await fetchArchitecture(recipe.baseModel, signal ? { signal } : {});
  if ('problem' in reading) return reading;
  const { architecture, notice } = reading;
  const estimate = estimateRecipe(recipe, { architecture, gpu, rows: await preparedRows(plan) });
  return notice ? { ...estimate, assumptions: [notice, ...estimate.assumptions] } : estimate;
}
