import { planEstimate, planOf, planStates } from '@prometheus-actions/chain';
import { estimateText, type Gpus, misfit, parseGpu } from '@prometheus-actions/estimate';
import { ConfigurationError } from '@prometheus-actions/stage';
import type { Command } from 'commander';
import { printPlan } from '../plan-table.ts';
import { printedJson, printedText } from '../printed-text.ts';
import { commandReporter } from '../terminal-reporter.ts';
import { addRecipeOptions, type RecipeCommandOptions, recipeOf } from './recipe-options.ts';

type PlanOptions = RecipeCommandOptions & { gpu?: string };

/** `plan`: what a run would do, and what it costs. */
export function addPlanCommand(program: Command, signal: AbortSignal): void {
  addRecipeOptions(
    program
      .command('plan')
      .description(
        'Print the stages of a recipe, their outputs, and what memory, time and disk they take; with --gpu, exit code 2 when it does not fit.',
      ),
  )
    .option('--gpu <count x name>', 'what it is to run on, such as 8xA100-40GB: checks that it fits')
    .action(async (location: string, options: PlanOptions) => {
      const gpu = options.gpu === undefined ? undefined : parseGpu(options.gpu);
      const planned = planFor(location, options, gpu);
      const states = await planStates(planned);
      const estimate = await planEstimate(planned, gpu, signal);
      if (options.json) {
        process.stdout.write(`${printedJson({ ...planned.plan, states, estimate })}\n`);
      } else {
        const cost = 'problem' in estimate ? `No estimate: ${estimate.problem}` : estimateText(estimate);
        process.stdout.write(`${printedText(`${printPlan(planned.plan, states)}\n\n${cost}`)}\n`);
      }
      const problem = 'problem' in estimate ? undefined : misfit(estimate);
      if (problem) throw new ConfigurationError(problem.message, { hint: problem.hint });
    });
}

/** The plan, for one process on each GPU that is named. */
function planFor(location: string, options: PlanOptions, gpu: Gpus | undefined): ReturnType<typeof planOf> {
  const reporter = commandReporter({ ...options, quiet: Boolean(options.json || options.quiet) });
  const inputs = recipeOf(location, options);
  const planned = planOf(inputs, { reporter });
  const { config, processes } = planned.recipe.launch;
  if (!gpu || config.use_cpu === true || processes === gpu.count) return planned;
  if (inputs.processes !== undefined) {
    throw new ConfigurationError(
      `--processes ${processes} and --gpu ${options.gpu}: one process trains on one GPU`,
      {
        hint: `Give --processes ${gpu.count}, or leave it out.`,
      },
    );
  }
  reporter.notice(
    `planned for ${gpu.count} processes, one a GPU; the recipe says ${processes}: run with --processes ${gpu.count}`,
  );
  return planOf({ ...inputs, processes: gpu.count }, { reporter: commandReporter({ quiet: true }) });
}
