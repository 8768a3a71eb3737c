import { loadRecipe, makePlan, type Plan, type Recipe } from '@prometheus-actions/recipe';
import { ConfigurationError, type Json, type StageOutcome } from '@prometheus-actions/stage';
import { z } from 'zod';
import type { ChainContext } from '../chain-context.ts';
import { defaultArtifactsDir, recipeLocation } from '../recipe-location.ts';
import { plannedStage, runPlannedStage } from '../run-planned-stage.ts';

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

/** A text; the empty one, which is what an action's input has when it is not given, counts as not given. */
export const text = (description: string) =>
  z
    .string()
    .transform((value) => value.trim() || undefined)
    .optional()
    .describe(description);

export const wholeNumber = (description: string) =>
  z
    .string()
    .regex(/^\s*\d*\s*$/, 'expected a whole number')
    .transform((value) => (value.trim() ? Number(value) : undefined))
    .optional()
    .describe(description);

export const number = (description: string) =>
  z
    .string()
    .refine((value) => !Number.isNaN(Number(value)), 'expected a number')
    .transform((value) => (value.trim() ? Number(value) : undefined))
    .optional()
    .describe(description);

/** True or false, false when it is not given. */
export const flag = (description: string) =>
  z
    .string()
    .regex(/^\s*(true|false)?\s*$/i, 'expected true or false')
    .transform((value) => value.trim().toLowerCase() === 'true')
    .optional()
    .describe(description)
    .meta({ default: 'false' });

/** Several values: one a line in an action, one an option on the command line. */
export const list = (description: string) =>
  z
    .string()
    .transform((value) =>
      value
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean),
    )
    .optional()
    .describe(description)
    .meta({ list: true });

/** The inputs by which every stage takes its settings from a recipe. */
export const recipeInputs = {
  recipe: text('Recipe folder, its recipe.yaml, or the name of a recipe of this project.'),
  artifacts_dir: text(
    "Folder of the recipe's outputs. Default: runs/RECIPE (command), a folder under the runner's tool cache (action).",
  ),
  processes: wholeNumber("Training processes, one a GPU, instead of the recipe's."),
};

/** Reads the recipe that a request names and makes its plan; notices and warnings are reported. */
export function planOf(
  inputs: { recipe: string; artifacts_dir?: string | undefined; processes?: number | undefined },
  context: Pick<ChainContext, 'reporter'>,
): { recipe: Recipe; plan: Plan } {
  const { recipe, diagnostics } = loadRecipe(recipeLocation(inputs.recipe), { processes: inputs.processes });
  for (const { severity, message, hint, ...place } of diagnostics) {
    const tell = severity === 'warning' ? 'warning' : 'notice';
    context.reporter[tell](hint ? `${message}. ${hint}` : message, place);
  }
  return { recipe, plan: makePlan(recipe, inputs.artifacts_dir ?? defaultArtifactsDir(recipe.name)) };
}

/** Runs one planned stage; a random base model, which no action of its own makes, is made before what needs it. */
export async function runFromPlan(
  { recipe, plan }: { recipe: Recipe; plan: Plan },
  id: string,
  context: ChainContext,
): Promise<StageOutcome> {
  const stage = plannedStage(plan, id);
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
