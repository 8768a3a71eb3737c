import {
  chainContext,
  finalReport,
  leaveReport,
  replicate,
  runOf,
  warningsJson,
} from '@prometheus-actions/chain';
import { formatSeconds, RecordingReporter } from '@prometheus-actions/stage';
import type { Command } from 'commander';
import { printPlan } from '../plan-table.ts';
import { printedJson } from '../printed-text.ts';
import { tellWarnings } from '../tell-warnings.ts';
import { commandReporter } from '../terminal-reporter.ts';
import { addRecipeOptions, type RecipeCommandOptions, recipeOf } from './recipe-options.ts';

/** `replicate`: the whole chain, from judgement data to a merged judge. */
export function addReplicateCommand(program: Command, signal: AbortSignal): void {
  const command = program
    .command('replicate')
    .description('Run a recipe from end to end; what is up to date is left, what was interrupted goes on.');
  addRecipeOptions(command)
    .option('--verify', 'hash every file of an output instead of trusting size and modification time')
    .action(async (location: string, options: RecipeCommandOptions & { verify?: boolean }) => {
      const started = Date.now();
      const reporter = new RecordingReporter(commandReporter(options));
      const context = chainContext({ reporter, signal, verify: options.verify ?? false });
      const planned = await runOf(recipeOf(location, options), context);
      const { recipe, plan, findings } = planned;
      reporter.info(printPlan(plan));
      // Of a run that fails or is stopped, too.
      const outcomes = await replicate(recipe, plan, { ...context, findings })
        .finally(() => leaveReport(planned, context))
        .catch((error: unknown) => {
          tellWarnings(reporter);
          throw error;
        });
      reporter.info(`\n${finalReport(outcomes)}\n\nAll in ${formatSeconds((Date.now() - started) / 1000)}.`);
      tellWarnings(reporter);
      if (options.json) {
        const stages = outcomes.map(({ id, outcome }) => ({
          id,
          status: outcome.status,
          manifest: outcome.manifest,
        }));
        process.stdout.write(`${printedJson({ plan, stages, warnings: warningsJson(reporter.warnings) })}\n`);
      }
    });
}
