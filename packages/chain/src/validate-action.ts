import path from 'node:path';
import { type Diagnostic, formatWithSource, type Plan } from '@prometheus-actions/recipe';
import {
  type ActionContext,
  ConfigurationError,
  confined,
  GitError,
  jobConfinement,
  PROJECT_ROOT,
  visibleText,
  writeOutput,
} from '@prometheus-actions/stage';
import { actionInputs } from './action-inputs.ts';
import { recipeLocation } from './recipe-location.ts';
import { type ValidateInputs, validateRecipeRequest } from './requests/validate-recipe-request.ts';
import { annotate, mostSevereFirst } from './validation/annotations.ts';
import { baseOfEvent } from './validation/base-commit.ts';
import { type BaseTree, openBaseTree } from './validation/base-tree.ts';
import { type CheckedRecipe, checkRecipe } from './validation/check-recipe.ts';
import { sarifText } from './validation/sarif-text.ts';
import { findRecipes, type Selection, selectRecipes, shortLocation } from './validation/select-recipes.ts';
import { addressOf, count, validationSummary } from './validation/summary.ts';

/**
 * The action that checks recipes: annotations on the lines, what a pull request changes, and the plan as outputs for a
 * workflow's matrix. It reads files, asks git, and the hub for the config.json of a base model that is not known; it runs
 * nothing of what it checks.
 */
export async function validateAction(action: ActionContext): Promise<void> {
  const workspace = path.resolve(process.env.GITHUB_WORKSPACE ?? process.cwd());
  const own = { root: workspace, also: [PROJECT_ROOT], outside: 'by name' } as const;
  await confined(jobConfinement() ?? own, () => validateRecipes(workspace, action));
}

async function validateRecipes(workspace: string, action: ActionContext): Promise<void> {
  action.setOutput('valid', false);
  const inputs = actionInputs(validateRecipeRequest.inputs);
  const base = baseTree(inputs, workspace, action);
  const selection = selectRecipes(inputs.recipes ?? []);
  const locations = inputs.recipe
    ? namedRecipes(inputs.recipe)
    : findRecipes(selection, workspace, action.reporter);
  const options = {
    workspace,
    base,
    artifactsDir: inputs.artifacts_dir,
    processes: inputs.processes,
    changedOnly: inputs.changed_only ?? false,
  };
  const all = await Promise.all(locations.map((location) => checkRecipe(location, options)));
  const checked = all.filter((recipe) => recipe !== undefined);
  const removed = base && !inputs.recipe ? removedRecipes(selection, base, locations, workspace) : [];
  if (!inputs.recipe) tellUnmatched(selection, locations, removed, action);
  await report(checked, removed, inputs, workspace, action);
}

/** The commit to compare with; undefined, with a notice that says why, where there is none. */
function baseTree(inputs: ValidateInputs, workspace: string, action: ActionContext): BaseTree | undefined {
  const everything = inputs.changed_only ? ' All recipes are checked.' : '';
  let commit = inputs.base;
  try {
    commit ??= baseOfEvent(process.env.GITHUB_EVENT_PATH);
  } catch (error) {
    const reason = (error as Error).message;
    action.reporter.warning(`No comparison: the event of this job can't be read: ${reason}.${everything}`);
    return undefined;
  }
  if (commit === undefined) {
    if (inputs.changed_only) {
      action.reporter.notice(
        `changed-only: this is no pull request, and no base is given to compare with.${everything}`,
      );
    }
    return undefined;
  }
  try {
    return openBaseTree(workspace, commit);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    action.reporter.notice(`No comparison with ${commit}: ${error.problem}.${everything} ${error.hint}`);
    return undefined;
  }
}

function namedRecipes(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter(Boolean).map(recipeLocation);
}

/** Recipes of the base commit that are asked for and not there any more. */
function removedRecipes(
  selection: Selection,
  base: BaseTree,
  locations: readonly string[],
  workspace: string,
): string[] {
  const prefix = path.relative(workspace, base.root);
  const paths = base.paths.map((file) => path.posix.join(prefix, file));
  return paths
    .filter(selection.matches)
    .map(shortLocation)
    .filter((location) => !locations.includes(location));
}

function tellUnmatched(
  selection: Selection,
  locations: readonly string[],
  removed: readonly string[],
  { reporter }: ActionContext,
): void {
  const files = [...locations, ...removed].map((location) =>
    /\.ya?ml$/.test(location) ? location : path.posix.join(location, 'recipe.yaml'),
  );
  for (const pattern of selection.unmatched(files)) reporter.warning(`no recipe matches ${pattern}`);
}

async function report(
  checked: readonly CheckedRecipe[],
  removed: readonly string[],
  inputs: ValidateInputs,
  workspace: string,
  action: ActionContext,
): Promise<void> {
  const diagnostics = mostSevereFirst(withoutRepetitions(checked.flatMap((recipe) => recipe.diagnostics)));
  const [errors, warnings] = (['error', 'warning'] as const).map(
    (kind) => diagnostics.filter(({ severity }) => severity === kind).length,
  ) as [number, number];
  action.setOutput('recipes', JSON.stringify(checked.map(({ location }) => location)));
  action.setOutput('errors', errors);
  action.setOutput('warnings', warnings);
  const [only] = checked;
  if (only?.plan && checked.length === 1) setPlanOutputs(action, only.plan);
  if (inputs.sarif_file) {
    await writeSarif(path.resolve(workspace, inputs.sarif_file), sarifText(diagnostics, workspace), action);
  }
  for (const diagnostic of diagnostics) {
    action.reporter.info(formatWithSource({ ...diagnostic, file: shortPath(diagnostic.file) }));
  }
  const left = annotate(diagnostics, action.reporter);
  const places = { workspace, address: addressOf(process.env) };
  action.addSummary(validationSummary(checked, diagnostics, removed, places));
  if (errors > 0) {
    const wrong = checked.filter(({ recipe }) => !recipe).map(({ location }) => location);
    throw new ConfigurationError(`${count(errors, 'error')} in ${visibleText(wrong.join(', '))}`, {
      hint: left > 0 ? `${left} of them are only in the summary and in the log of this job.` : undefined,
    });
  }
  action.setOutput('valid', true);
  action.reporter.info(`${count(checked.length, 'recipe')} checked, ${count(warnings, 'warning')}`);
}

/** What was found is told in other ways, too: without the file it is told all the same. */
async function writeSarif(file: string, text: string, action: ActionContext): Promise<void> {
  try {
    await writeOutput(file, text);
    action.setOutput('sarif', file);
  } catch (error) {
    action.reporter.warning(`sarif-file: ${file} can't be written: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof ConfigurationError ? `${error.problem}. ${error.hint}` : (error as Error).message;
}

/** A path as it is read from the working directory, which a job's log does not repeat on each line. */
function shortPath(file: string): string {
  const relative = path.relative('', file);
  return relative.startsWith('..') ? file : relative;
}

/** Recipes may share files. */
function withoutRepetitions(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic])).values()];
}

function setPlanOutputs(action: ActionContext, plan: Plan): void {
  action.setOutput('plan', JSON.stringify(plan));
  action.setOutput('name', plan.recipe);
  action.setOutput('datasets', JSON.stringify(plan.datasets));
  action.setOutput('experts', JSON.stringify(plan.experts));
  action.setOutput('adapters', JSON.stringify(plan.adapters));
  action.setOutput('artifacts-dir', plan.artifactsDir);
}
