import { ConfigurationError } from '@prometheus-actions/stage';
import type { Command } from 'commander';

export interface RecipeCommandOptions {
  artifactsDir?: string;
  processes?: string;
  json?: boolean;
  quiet?: boolean;
}

const SMOKE_RECIPE = 'smoke-7b';

/** The argument and options of the commands that work on a recipe. */
export function addRecipeOptions(command: Command): Command {
  return command
    .argument(
      '[recipe]',
      'recipe folder, its recipe.yaml, or the name of a recipe of this project',
      SMOKE_RECIPE,
    )
    .option('--artifacts-dir <folder>', 'where outputs are kept (default: runs/RECIPE)')
    .option('--processes <number>', "training processes, one a GPU, instead of the recipe's")
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'no progress and no notices');
}

export function recipeOf(
  location: string,
  options: RecipeCommandOptions,
): { recipe: string; artifacts_dir: string | undefined; processes: number | undefined } {
  const processes = options.processes === undefined ? undefined : Number(options.processes);
  if (processes !== undefined && !(Number.isInteger(processes) && processes > 0)) {
    throw new ConfigurationError(`--processes: expected a whole number above 0, found ${options.processes}`);
  }
  return { recipe: location, artifacts_dir: options.artifactsDir, processes };
}
