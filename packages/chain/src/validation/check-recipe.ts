import path from 'node:path';
import {
  type ArchitectureReading,
  architectureOf,
  type Diagnostic,
  makePlan,
  type Plan,
  type Recipe,
  type RecipeDifference,
  type RecipeFile,
  recipeDifference,
  recipeFiles,
  settingsText,
} from '@prometheus-actions/recipe';
import { confined, confinementFrom } from '@prometheus-actions/stage';
import { checkWithModel } from '../check-with-model.ts';
import { defaultArtifactsDir } from '../recipe-location.ts';
import { isChangedSince, recipeInBase } from './base-recipe.ts';
import type { BaseTree } from './base-tree.ts';

/** One recipe, as far as it was right. */
export interface CheckedRecipe {
  location: string;
  recipe?: Recipe | undefined;
  /** Of its base model, where it is known. */
  architecture?: ArchitectureReading | undefined;
  plan?: Plan;
  diagnostics: Diagnostic[];
  /** Against the base commit; `was wrong` there: nothing can be said. Absent where there is none to compare with. */
  change?: 'is new' | 'was wrong' | 'same' | RecipeDifference;
}

export interface CheckOptions {
  workspace: string;
  base?: BaseTree | undefined;
  artifactsDir?: string | undefined;
  processes?: number | undefined;
  /** Leave out a recipe of which no file changed since the base commit. */
  changedOnly: boolean;
}

/** Checks one recipe and compares it with the base commit; undefined where only changed ones are asked for and it is not. */
export async function checkRecipe(
  location: string,
  options: CheckOptions,
): Promise<CheckedRecipe | undefined> {
  const absolute = path.resolve(options.workspace, location);
  // A stranger's recipe could name other files of the machine and so show them in the log. A recipe in the workspace
  // therefore reads nothing outside of it. A recipe outside belongs to the owner and may name any file.
  return confined(confinementFrom(absolute), () => check(location, absolute, options));
}

async function check(
  location: string,
  absolute: string,
  options: CheckOptions,
): Promise<CheckedRecipe | undefined> {
  const { base, processes } = options;
  const files = recipeFiles(absolute, (file) => settingsText(file.path));
  const isChanged = base && files.some((file) => isChangedSince(base, file));
  if (options.changedOnly && isChanged === false) return undefined;
  const { recipe, diagnostics, ...fetched } = await checkWithModel(absolute, { processes });
  if (!recipe) return { location, diagnostics };
  const architecture = fetched.architecture ?? architectureOf(recipe.baseModel);
  const plan = makePlan(recipe, options.artifactsDir ?? defaultArtifactsDir(recipe.name));
  const change = base && changeOf(base, recipe, files, { processes });
  return { location, recipe, architecture, plan, diagnostics, ...(change && { change }) };
}

function changeOf(
  base: BaseTree,
  recipe: Recipe,
  files: readonly RecipeFile[],
  options: { processes: number | undefined },
): CheckedRecipe['change'] {
  const [first] = files;
  // Of a recipe that is not kept in this repository nothing is known of before.
  if (!first || path.relative(base.root, first.path).startsWith('..')) return undefined;
  if (!base.has(first.path)) return 'is new';
  if (!files.some((file) => isChangedSince(base, file))) return 'same';
  const before = recipeInBase(base, first.path, options);
  if (!before) return 'was wrong';
  const difference = recipeDifference(before, recipe, (file) => base.isChanged(file));
  return difference.changes.length > 0 ? difference : 'same';
}
