import {
  type Diagnostic,
  loadRecipe,
  makePlan,
  type Plan,
  type Recipe,
  RecipeError,
} from '@prometheus-actions/recipe';
import { ConfigurationError, type Json, type StageOutcome } from '@prometheus-actions/stage';
import type { z } from 'zod';
import type { ChainContext } from '../chain-context.ts';
import { readWithModel } from '../check-with-model.ts';
import { requireEarlierOutputs } from '../earlier-outputs.ts';
import { defaultArtifactsDir, recipeLocation } from '../recipe-location.ts';
import { plannedStage, runPlannedStage } from '../run-planned-stage.ts';
import { findingText } from '../validation/annotations.ts';
import { text, wholeNumber } from './input-fields.ts';

/**
 * A stage as it is asked for from outside: by an action's inputs or a command's options, which are the same thing in
 * two spellings. The schema is the one description of them: it makes the options of the command, and `action.yml` is
 * checked against it.
 */
export interface StageRequest<Inputs extends z.ZodObject = z.ZodObject> {
  name: string;
  summary: string;
  inputs: Inputs;
  run: (inputs: z.output<Inputs>, context: ChainContext) => Promise<StageOutcome>;
  /** What the command prints at its end, from the metrics of the manifest. */
  report?: (metrics: Json) => string;
}

/** Keeps the type of the inputs between `inputs` and `run`. */
export function stageRequest<Inputs extends z.ZodObject>(
  request: StageRequest<Inputs>,
): StageRequest<Inputs> {
  return request;
}

/** The inputs by which every stage takes its settings from a recipe. */
export const recipeInputs = {
  recipe: text('Recipe folder, its recipe.yaml, or the name of a recipe of this project.'),
  artifacts_dir: text(
    "Folder of the recipe's outputs. Default: runs/RECIPE (command), a folder under the runner's tool cache (action).",
  ),
  processes: wholeNumber("Training processes, one a GPU, instead of the recipe's."),
};

/** A recipe that is to be run. */
export interface PlannedRun {
  recipe: Recipe;
  plan: Plan;
  /** What was found in its files, which can be used all the same. */
  findings: readonly Diagnostic[];
}

/** What names a recipe and its outputs in a request. */
interface RecipeInputs {
  recipe: string;
  artifacts_dir?: string | undefined;
  processes?: number | undefined;
}

/** Reads the recipe that a request names and makes its plan; notices and warnings are reported. No request is made. */
export function planOf(inputs: RecipeInputs, context: Pick<ChainContext, 'reporter'>): PlannedRun {
  const { processes } = inputs;
  const { recipe, diagnostics } = loadRecipe(recipeLocation(inputs.recipe), { processes });
  return planned(recipe, diagnostics, inputs, context);
}

/**
 * The same for a recipe that is run: it is checked as `validate` checks it, also against the config.json of a base model on
 * the hub. What a later stage would refuse ends the run here, before an earlier stage has taken hours.
 *
 * @throws RecipeError with everything that is wrong
 */
export async function runOf(
  inputs: RecipeInputs,
  context: Pick<ChainContext, 'reporter' | 'signal'>,
): Promise<PlannedRun> {
  const { processes } = inputs;
  const { signal } = context;
  const { recipe, diagnostics } = await readWithModel(
    recipeLocation(inputs.recipe),
    { processes },
    { signal },
  );
  if (!recipe) throw new RecipeError(diagnostics);
  return planned(recipe, diagnostics, inputs, context);
}

function planned(
  recipe: Recipe,
  findings: readonly Diagnostic[],
  inputs: RecipeInputs,
  { reporter }: Pick<ChainContext, 'reporter'>,
): PlannedRun {
  tellFindings(findings, reporter);
  const plan = makePlan(recipe, inputs.artifacts_dir ?? defaultArtifactsDir(recipe.name));
  return { recipe, plan, findings };
}

/** Reports what was found in files that can be used all the same. */
export function tellFindings(diagnostics: readonly Diagnostic[], reporter: ChainContext['reporter']): void {
  for (const finding of diagnostics)
    reporter[finding.severity === 'warning' ? 'warning' : 'notice'](findingText(finding), finding);
}

/** Runs one planned stage; a random base model, which no action of its own makes, is made before what needs it. */
export async function runFromPlan(
  { recipe, plan, findings }: PlannedRun,
  id: string,
  given: ChainContext,
): Promise<StageOutcome> {
  const context = { ...given, findings };
  const stage = plannedStage(plan, id);
  await requireEarlierOutputs(plan, stage);
  if (stage.needs.includes('base-model')) {
    await runPlannedStage(recipe, plan, plannedStage(plan, 'base-model'), context);
  }
  return runPlannedStage(recipe, plan, stage, context);
}

/**
 * The value of an input that is needed.
 *
 * @throws ConfigurationError naming it and what else is possible
 */
export function required<Value>(value: Value | undefined, name: string): Value {
  if (value !== undefined) return value;
  throw new ConfigurationError(`${name.replaceAll('_', '-')} is missing`, {
    hint: 'Name a recipe, or give each input of the stage.',
  });
}
