import path from 'node:path';
import { planOf, reportFile, reportText, runReport, writeReport } from '@prometheus-actions/chain';
import type { Command } from 'commander';
import { printedJson } from '../printed-text.ts';
import { commandReporter } from '../terminal-reporter.ts';
import { addRecipeOptions, type RecipeCommandOptions, recipeOf } from './recipe-options.ts';

/** `report`: what a run has made, as one HTML page and in short. */
export function addReportCommand(program: Command, signal: AbortSignal): void {
  addRecipeOptions(
    program
      .command('report')
      .description('Report a run from the manifests of its outputs: an HTML page, and in short.'),
  )
    .option('--output <file>', 'where the page is put (default: report/report.html among the outputs)')
    .action(async (location: string, options: RecipeCommandOptions & { output?: string }) => {
      const reporter = commandReporter(options);
      const planned = planOf(recipeOf(location, options), { reporter: commandReporter({ quiet: true }) });
      const report = await runReport(planned, { signal });
      const file = path.resolve(options.output ?? reportFile(planned.plan));
      await writeReport(report, file);
      reporter.info(`${reportText(report)}\n\nThe report is in ${file}`);
      if (options.json) process.stdout.write(`${printedJson(report)}\n`);
    });
}
