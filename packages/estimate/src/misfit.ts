import type { RecipeEstimate } from './estimate-recipe.ts';
import { estimateContent } from './estimate-tables.ts';

/** What does not fit on the GPUs of an estimate, and what to change first; undefined where all fits. */
export function misfit(estimate: RecipeEstimate): { message: string; hint: string } | undefined {
  const { fit } = estimateContent(estimate);
  const failed = fit.filter(({ fits }) => !fits);
  if (failed.length === 0) return undefined;
  return {
    message: failed.map(({ experts, lines: [verdict] }) => `${experts.join(', ')}: ${verdict}`).join('; '),
    hint: `Change one of these: ${failed.flatMap(({ lines: [, ...changes] }) => changes).join('; ')}.`,
  };
}
