import { readdirSync } from 'node:fs';
import path from 'node:path';
import { recipeLocation } from '@prometheus-actions/chain';
import { formatWithSource, readRecipe } from '@prometheus-actions/recipe';
import { ConfigurationError, PROJECT_ROOT } from '@prometheus-actions/stage';
import type { Command } from 'commander';

/** `validate`: everything that can be known to be wrong before a run. */
export function addValidateCommand(program: Command): void {
  program
    .command('validate')
    .description('Check all files of recipes; exit code 2 when one has an error.')
    .argument(
      '[recipes...]',
      'recipe folders, recipe.yaml files or names (default: all recipes of this project)',
    )
    .option('--json', 'print the findings as JSON')
    .option('--quiet', 'no progress and no notices')
    .action((locations: string[], options: { json?: boolean; quiet?: boolean }) => {
      const recipes = locations.length > 0 ? locations : shippedRecipes();
      const diagnostics = recipes.flatMap((recipe) => readRecipe(recipeLocation(recipe)).diagnostics);
      if (options.json) process.stdout.write(`${JSON.stringify(diagnostics, null, 2)}\n`);
      else {
        const shown = options.quiet
          ? diagnostics.filter(({ severity }) => severity !== 'notice')
          : diagnostics;
        for (const diagnostic of shown) process.stdout.write(`${formatWithSource(diagnostic)}\n`);
      }
      const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
      if (errors > 0)
        throw new ConfigurationError(
          `${errors} error${errors === 1 ? '' : 's'} in ${recipes.length} recipes`,
        );
      if (!options.json && !options.quiet) process.stdout.write(`${recipes.length} recipes are right.\n`);
    });
}

/** All folders under recipes/ that hold a recipe. */
function shippedRecipes(): string[] {
  const folder = path.join(PROJECT_ROOT, 'recipes');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'recipe.yaml')
    .map((file) => path.join(folder, path.dirname(file)))
    .sort();
}
