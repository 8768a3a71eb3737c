import path from 'node:path';
import { estimateMarkdown, estimateRecipe } from '@prometheus-actions/estimate';
import {
  type Diagnostic,
  type Plan,
  type Recipe,
  type RecipeDifference,
  type StageConsequence,
} from '@prometheus-actions/recipe';
import { markdown } from '@prometheus-actions/stage';
import { findingText } from './annotations.ts';
import type { CheckedRecipe } from './check-recipe.ts';

/** Rows of the table of findings; a job summary has at most 1 MiB. */
const MOST_FINDINGS = 500;

/** What links of a summary begin with, `https://github.com/OWNER/REPO/blob/COMMIT`, and what paths are relative to. */
export interface Places {
  workspace: string;
  address?: string | undefined;
}

/** Everything about a check of recipes, as Markdown for the job summary. */
export function validationSummary(
  checked: readonly CheckedRecipe[],
  diagnostics: readonly Diagnostic[],
  removed: readonly string[],
  places: Places,
): string {
  return [
    '## Recipes',
    '',
    ...recipeTable(checked, removed),
    ...findingsTable(diagnostics, places),
    ...checked.flatMap(recipeSections),
  ].join('\n');
}

/** Where in GitHub's pages the checked commit is; from the variables of a job. */
export function addressOf(env: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_SHA: commit } = env;
  return server && repository && commit ? `${server}/${repository}/blob/${commit}` : undefined;
}

function recipeTable(checked: readonly CheckedRecipe[], removed: readonly string[]): string[] {
  if (checked.length + removed.length === 0) return ['No recipe to check.', ''];
  const rows = checked.map(({ location, recipe, diagnostics, change }) => {
    const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
    const result = recipe ? 'right' : count(errors, 'error');
    return `| ${markdown(location)} | ${result} | ${changeWords(change)} |`;
  });
  return [
    '| recipe | result | change |',
    '| --- | --- | --- |',
    ...rows,
    ...removed.map((location) => `| ${markdown(location)} | | is gone |`),
    '',
  ];
}

function changeWords(change: CheckedRecipe['change']): string {
  if (change === undefined) return '';
  if (change === 'was wrong') return 'had errors before';
  if (typeof change === 'string') return change;
  const again = change.stages.filter(({ fate }) => fate === 'runs again' || fate === 'is new').length;
  return again === 0 ? 'nothing runs again' : `${again} of ${change.stages.length} stages run again`;
}

function findingsTable(diagnostics: readonly Diagnostic[], places: Places): string[] {
  if (diagnostics.length === 0) return [];
  const rows = diagnostics
    .slice(0, MOST_FINDINGS)
    .map(
      (diagnostic) =>
        `| ${diagnostic.severity} | ${placeLink(diagnostic, places)} | ${markdown(findingText(diagnostic))} | ${markdown(diagnostic.code)} |`,
    );
  const left = diagnostics.length - rows.length;
  return [
    '### Findings',
    '',
    '| | place | what is wrong, and what to do | rule |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...(left > 0 ? [`${left} more are in the log.`, ''] : []),
  ];
}

function placeLink({ file, line, column }: Diagnostic, { workspace, address }: Places): string {
  const relative = path.relative(workspace, path.resolve(file));
  if (relative.startsWith('..')) return markdown(`${file}:${line}:${column}`);
  const text = markdown(`${relative}:${line}:${column}`);
  const encoded = relative.split(path.sep).map(encodeURIComponent).join('/').replaceAll(/[()]/g, escapeInUrl);
  return address ? `[${text}](${address}/${encoded}?plain=1#L${line})` : text;
}

function escapeInUrl(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

/** The lines about one valid recipe, in reading order. */
function recipeSections({ recipe, architecture, plan, change }: CheckedRecipe): string[] {
  if (!recipe || !plan) return [];
  return [...differenceSection(plan, change), ...estimateSection(recipe, architecture), ...planSection(plan)];
}

/** What a run costs, where the architecture of the base model is known. */
function estimateSection(recipe: Recipe, reading: CheckedRecipe['architecture']): string[] {
  if (!reading || 'problem' in reading) return [];
  const estimate = estimateMarkdown(estimateRecipe(recipe, { architecture: reading.architecture }));
  const title = `What ${markdown(recipe.name)} costs`;
  return [`<details><summary>${title}</summary>`, '', estimate, '</details>', ''];
}

function differenceSection(plan: Plan, change: CheckedRecipe['change']): string[] {
  if (typeof change !== 'object') return [];
  return [`### What changes in ${markdown(plan.recipe)}`, '', ...differenceLines(change), ''];
}

function differenceLines({ changes, stages }: RecipeDifference): string[] {
  const listed = (fate: StageConsequence['fate']) =>
    stages.filter((stage) => stage.fate === fate).map(({ id }) => `\`${id}\``);
  const line = (title: string, ids: string[]) => (ids.length > 0 ? [`- ${title}: ${ids.join(', ')}`] : []);
  const again = stages.filter(({ fate }) => fate === 'runs again');
  return [
    ...changes.map((change) => `- ${markdown(change)}`),
    '',
    'Where outputs of the base are at hand:',
    '',
    ...again.map(({ id, reasons }) => `- runs again: \`${id}\`, since ${markdown(reasons.join('; '))}`),
    ...line('runs for the first time', listed('is new')),
    ...line('stays as it is', listed('stays')),
    ...line('is not made any more', listed('is gone')),
  ];
}

function planSection({ recipe, artifactsDir, stages }: Plan): string[] {
  return [
    `<details><summary>Plan of ${markdown(recipe)}</summary>`,
    '',
    `Outputs in ${markdown(artifactsDir)}`,
    '',
    '| stage | output | from |',
    '| --- | --- | --- |',
    ...stages.map(
      ({ id, outputDir, needs }) =>
        `| ${id} | ${path.relative(artifactsDir, outputDir)} | ${needs.join(', ')} |`,
    ),
    '',
    '</details>',
    '',
  ];
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
