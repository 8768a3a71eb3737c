import { planOf } from '@prometheus-actions/chain';
import type { Command } from 'commander';
import { printPlan } from '../plan-table.ts';
import { commandReporter } from '../terminal-reporter.ts';
import { addRecipeOptions, type RecipeCommandOptions, recipeOf } from './recipe-options.ts';

/** `plan`: what a run would do. */
export function addPlanCommand(program: Command): void {
  addRecipeOptions(
    program.command('plan').description('Print the stages of a recipe and their outputs.'),
  ).action((location: string, options: RecipeCommandOptions) => {
    const { plan } = planOf(recipeOf(location, options), {
      reporter: commandReporter({ ...options, quiet: Boolean(options.json || options.quiet) }),
    });
    process.stdout.write(`${options.json ? JSON.stringify(plan, null, 2) : printPlan(plan)}\n`);
  });
}
