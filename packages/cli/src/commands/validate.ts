import { readdirSync } from 'node:fs';
import path from 'node:path';
import { findingText, mostSevereFirst, recipeLocation, sarifText } from '@prometheus-actions/chain';
import { type Diagnostic, formatWithSource, readRecipe } from '@prometheus-actions/recipe';
import { ConfigurationError, GithubReporter, PROJECT_ROOT } from '@prometheus-actions/stage';
import { type Command, Option } from 'commander';

/** `validate`: everything that can be known to be wrong before a run. */
export function addValidateCommand(program: Command): void {
  program
    .command('validate')
    .description('Check all files of recipes; exit code 2 when one has an error.')
    .argument(
      '[recipes...]',
      'recipe folders, recipe.yaml files or names (default: all recipes of this project)',
    )
    .addOption(
      new Option('--format <format>', 'how findings are printed; github: as annotations of a workflow')
        .choices(Object.keys(FORMATS))
        .default('text'),
    )
    .option('--json', 'short for --format json')
    .option('--quiet', 'no progress and no notices')
    .action((locations: string[], options: { format: Format; json?: boolean; quiet?: boolean }) => {
      const format = options.json ? 'json' : options.format;
      const recipes = locations.length > 0 ? locations : shippedRecipes();
      const diagnostics = recipes.flatMap((recipe) => readRecipe(recipeLocation(recipe)).diagnostics);
      FORMATS[format](
        options.quiet ? diagnostics.filter(({ severity }) => severity !== 'notice') : diagnostics,
      );
      const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
      if (errors > 0)
        throw new ConfigurationError(
          `${errors} error${errors === 1 ? '' : 's'} in ${recipes.length} recipes`,
        );
      if (format === 'text' && !options.quiet) process.stdout.write(`${recipes.length} recipes are right.\n`);
    });
}

const FORMATS = {
  text: (diagnostics: readonly Diagnostic[]) => {
    for (const diagnostic of diagnostics) process.stdout.write(`${formatWithSource(diagnostic)}\n`);
  },
  json: (diagnostics: readonly Diagnostic[]) => {
    process.stdout.write(`${JSON.stringify(diagnostics, null, 2)}\n`);
  },
  sarif: (diagnostics: readonly Diagnostic[]) => {
    process.stdout.write(sarifText(diagnostics, process.cwd()));
  },
  github: (diagnostics: readonly Diagnostic[]) => {
    const reporter = new GithubReporter();
    for (const diagnostic of mostSevereFirst(diagnostics))
      reporter[diagnostic.severity](findingText(diagnostic), diagnostic);
  },
};

type Format = keyof typeof FORMATS;

/** All folders under recipes/ that hold a recipe. */
function shippedRecipes(): string[] {
  const folder = path.join(PROJECT_ROOT, 'recipes');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'recipe.yaml')
    .map((file) => path.join(folder, path.dirname(file)))
    .sort();
}
