import { readdirSync } from 'node:fs';
import path from 'node:path';
import {
  checkWithModel,
  findingText,
  mostSevereFirst,
  recipeLocation,
  sarifText,
} from '@prometheus-actions/chain';
import { type Diagnostic, fixFiles, formatWithSource, inSourceOrder } from '@prometheus-actions/recipe';
import {
  ConfigurationError,
  confined,
  confinementFrom,
  GithubReporter,
  PROJECT_ROOT,
} from '@prometheus-actions/stage';
import { type Command, Option } from 'commander';
import { printedJson, printedText, safeJson } from '../printed-text.ts';

interface ValidateOptions {
  format: Format;
  fix?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** `validate`: everything that can be known to be wrong before a run. */
export function addValidateCommand(program: Command, signal: AbortSignal): void {
  program
    .command('validate')
    .description('Check all files of recipes, or one such file by itself; exit code 2 when one has an error.')
    .argument(
      '[recipes...]',
      'recipe folders, recipe.yaml files, names, or single files (default: all recipes of this project)',
    )
    .option('--fix', 'write older keys as they are called today; comments and order stay')
    .addOption(
      new Option('--format <format>', 'how findings are printed; github: as annotations of a workflow')
        .choices(Object.keys(FORMATS))
        .default('text'),
    )
    .option('--json', 'short for --format json')
    .option('--quiet', 'no progress and no notices')
    .action(async (locations: string[], options: ValidateOptions) => {
      const format = options.json ? 'json' : options.format;
      const recipes = locations.length > 0 ? locations : shippedRecipes();
      const check = async () => {
        const found = recipes.map(recipeLocation).map((recipe) =>
          // In a job the recipe may be a stranger's.
          confined(confinementFrom(path.resolve(recipe)), () => checkWithModel(recipe, {}, { signal })),
        );
        return (await Promise.all(found)).flatMap(({ diagnostics }) => diagnostics);
      };
      const fixed = options.fix ? fixFiles(await check()) : [];
      if (format === 'text')
        for (const file of fixed) process.stdout.write(`${printedText(file)} is up to date now.\n`);
      const diagnostics = inSourceOrder(await check());
      FORMATS[format](
        options.quiet ? diagnostics.filter(({ severity }) => severity !== 'notice') : diagnostics,
      );
      const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
      if (errors > 0)
        throw new ConfigurationError(
          `${errors} error${errors === 1 ? '' : 's'} in ${recipes.length === 1 ? recipes[0] : `${recipes.length} recipes`}`,
        );
      if (format !== 'text' || options.quiet) return;
      process.stdout.write(
        recipes.length === 1
          ? `${printedText(recipes[0] ?? '')} is right.\n`
          : `${recipes.length} recipes are right.\n`,
      );
    });
}

const FORMATS = {
  text: (diagnostics: readonly Diagnostic[]) => {
    for (const diagnostic of diagnostics)
      process.stdout.write(`${printedText(formatWithSource(diagnostic))}\n`);
  },
  json: (diagnostics: readonly Diagnostic[]) => {
    process.stdout.write(`${printedJson(diagnostics)}\n`);
  },
  sarif: (diagnostics: readonly Diagnostic[]) => {
    process.stdout.write(safeJson(sarifText(diagnostics, process.cwd())));
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
