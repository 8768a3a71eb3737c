import { getInput } from '@actions/core';
import {
  type Diagnostic,
  formatDiagnostic,
  makePlan,
  type Plan,
  RecipeError,
  readRecipe,
} from '@prometheus-actions/recipe';
import type { ActionContext } from '@prometheus-actions/stage';
import { defaultArtifactsDir, recipeLocation } from './recipe-location.ts';

/** The action that checks recipes: annotations on the lines, and the plan as outputs for a workflow's matrix. */
export async function validateAction(action: ActionContext): Promise<void> {
  const recipes = getInput('recipe', { required: true })
    .split('\n')
    .filter((line) => line.trim() !== '');
  const processes = Number(getInput('processes')) || undefined;
  action.setOutput('valid', false);
  const diagnostics: Diagnostic[] = [];
  for (const location of recipes) {
    const { recipe, diagnostics: found } = readRecipe(recipeLocation(location.trim()), { processes });
    diagnostics.push(...found);
    if (!recipe) continue;
    const plan = makePlan(recipe, getInput('artifacts-dir') || defaultArtifactsDir(recipe.name));
    if (recipes.length === 1) setPlanOutputs(action, plan);
    action.addSummary(planSummary(plan));
  }
  for (const diagnostic of diagnostics) {
    const { severity, message, hint } = diagnostic;
    action.reporter[severity](hint ? `${message}. ${hint}` : message, diagnostic);
  }
  if (diagnostics.length > 0) {
    action.addSummary(
      `### Findings\n\n\`\`\`text\n${diagnostics.map(formatDiagnostic).join('\n')}\n\`\`\`\n`,
    );
  }
  if (diagnostics.some(({ severity }) => severity === 'error')) throw new RecipeError(diagnostics);
  action.setOutput('valid', true);
}

function setPlanOutputs(action: ActionContext, plan: Plan): void {
  action.setOutput('plan', JSON.stringify(plan));
  action.setOutput('name', plan.recipe);
  action.setOutput('datasets', JSON.stringify(plan.datasets));
  action.setOutput('experts', JSON.stringify(plan.experts));
  action.setOutput('adapters', JSON.stringify(plan.adapters));
  action.setOutput('artifacts-dir', plan.artifactsDir);
}

function planSummary(plan: Plan): string {
  return [
    `### Plan of ${plan.recipe}`,
    '',
    '| stage | output | from |',
    '| --- | --- | --- |',
    ...plan.stages.map(({ id, outputDir, needs }) => `| ${id} | \`${outputDir}\` | ${needs.join(', ')} |`),
    '',
  ].join('\n');
}
