import {
  type ArchitectureReading,
  architectureOf,
  checkLocation,
  type RecipeOptions,
} from '@prometheus-actions/recipe';
import { type FetchArchitectureOptions, fetchArchitecture } from './fetch-architecture.ts';

/** What was found, and the architecture that was fetched, where there was a need. */
export type CheckedWithModel = ReturnType<typeof checkLocation> & {
  architecture?: ArchitectureReading | undefined;
};

/**
 * As `checkLocation`, and against the architecture of the base model where that is another one on the hub than those that
 * shipped recipes train: its config.json is fetched, once a recipe has no mistake without it.
 */
export async function checkWithModel(
  location: string,
  options: RecipeOptions = {},
  fetching: FetchArchitectureOptions = {},
): Promise<CheckedWithModel> {
  const checked = checkLocation(location, options);
  const base = checked.recipe?.baseModel;
  if (!base || architectureOf(base)) return checked;
  const architecture = await fetchArchitecture(base, fetching);
  return { ...checkLocation(location, { ...options, architecture }), architecture };
}
