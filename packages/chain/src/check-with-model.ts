import {
  type ArchitectureReading,
  architectureOf,
  checkLocation,
  type Diagnostic,
  type Recipe,
  type RecipeOptions,
  readRecipe,
} from '@prometheus-actions/recipe';
import { type FetchArchitectureOptions, fetchArchitecture } from './fetch-architecture.ts';

/** What was found in a recipe, or in another file that is checked by itself. */
interface Checked {
  recipe: Recipe | undefined;
  diagnostics: Diagnostic[];
}

/** What was found, and the architecture that was fetched, where there was a need. */
export type CheckedWithModel = Checked & { architecture?: ArchitectureReading | undefined };

/**
 * As `checkLocation`, and against the architecture of the base model where that is another one on the hub than those that
 * shipped recipes train: its config.json is fetched, once a recipe has no mistake without it.
 */
export function checkWithModel(
  location: string,
  options: RecipeOptions = {},
  fetching: FetchArchitectureOptions = {},
): Promise<CheckedWithModel> {
  return withModel((architecture) => checkLocation(location, { ...options, architecture }), fetching);
}

/** The same of a recipe that is to be run: as `readRecipe`. */
export function readWithModel(
  location: string,
  options: RecipeOptions = {},
  fetching: FetchArchitectureOptions = {},
): Promise<CheckedWithModel> {
  return withModel((architecture) => readRecipe(location, { ...options, architecture }), fetching);
}

async function withModel(
  check: (architecture?: ArchitectureReading) => Checked,
  fetching: FetchArchitectureOptions,
): Promise<CheckedWithModel> {
  const checked = check();
  const base = checked.recipe?.baseModel;
  if (!base || architectureOf(base)) return checked;
  const architecture = await fetchArchitecture(base, fetching);
  return { ...check(architecture), architecture };
}
