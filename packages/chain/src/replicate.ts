import type { Plan, Recipe } from '@prometheus-actions/recipe';
import type { StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { runPlannedStage } from './run-planned-stage.ts';

/** The outcome of each stage that ran, in the plan's order. */
export type Outcomes = { id: string; outcome: StageOutcome }[];

/** Runs every stage of a plan in order; ends early when one was stopped. */
export async function replicate(recipe: Recipe, plan: Plan, context: ChainContext): Promise<Outcomes> {
  const outcomes: Outcomes = [];
  for (const stage of plan.stages) {
    context.signal.throwIfAborted();
    const outcome = await runPlannedStage(recipe, plan, stage, context);
    outcomes.push({ id: stage.id, outcome });
    if (outcome.status === 'stopped') break;
  }
  return outcomes;
}
