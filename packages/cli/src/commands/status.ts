import { planOf, planStates } from '@prometheus-actions/chain';
import { formatSeconds } from '@prometheus-actions/stage';
import type { Command } from 'commander';
import { printedJson, printedText } from '../printed-text.ts';
import { commandReporter } from '../terminal-reporter.ts';
import { addRecipeOptions, type RecipeCommandOptions, recipeOf } from './recipe-options.ts';

/** `status`: which outputs of a recipe are there, whole, and of its settings. */
export function addStatusCommand(program: Command): void {
  addRecipeOptions(
    program
      .command('status')
      .description('Show which outputs of a recipe are there, whole, and of its settings.'),
  ).action(async (location: string, options: RecipeCommandOptions) => {
    const planned = planOf(recipeOf(location, options), { reporter: commandReporter({ quiet: true }) });
    const stages = (await planStates(planned)).map(({ state, reason, ...stage }) => ({
      ...stage,
      state: reason === undefined ? state : `${state}: ${reason}`,
    }));
    if (options.json) process.stdout.write(`${printedJson(stages)}\n`);
    else {
      const width = Math.max(...stages.map(({ id }) => id.length));
      for (const { id, state, finished, seconds } of stages) {
        const when = finished ? `  made ${finished} in ${formatSeconds(seconds ?? 0)}` : '';
        process.stdout.write(`${printedText(`${id.padEnd(width)}  ${state}${when}`)}\n`);
      }
    }
  });
}
