import {
  loraMergeRequest,
  modelMergeRequest,
  prepareDatasetRequest,
  sftTrainRequest,
} from '@prometheus-actions/chain';
import {
  abortOnSignals,
  CancelledError,
  ChildProcessError,
  ConfigurationError,
  confined,
  jobConfinement,
} from '@prometheus-actions/stage';
import { Command, CommanderError } from 'commander';
import { addCleanCommand } from './commands/clean.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addReplicateCommand } from './commands/replicate.ts';
import { addReportCommand } from './commands/report.ts';
import { addStageCommand } from './commands/stage.ts';
import { addStatusCommand } from './commands/status.ts';
import { addValidateCommand } from './commands/validate.ts';
import { printedText } from './printed-text.ts';

const DONE = 0;
const FAILED = 1;
const USERS_MISTAKE = 2;
const CANCELLED = 130;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const signal = abortOnSignals();
  const program = new Command('prometheus-actions')
    .description(
      'Trains judge models: prepares data, trains experts, merges them. The same chain as the GitHub Actions.',
    )
    .exitOverride()
    .showHelpAfterError('(--help lists what there is)')
    .configureOutput({ writeErr: (text) => process.stderr.write(printedText(text)) });
  addReplicateCommand(program, signal);
  for (const request of [prepareDatasetRequest, sftTrainRequest, loraMergeRequest, modelMergeRequest]) {
    addStageCommand(program, request, signal);
  }
  addValidateCommand(program, signal);
  addPlanCommand(program, signal);
  addStatusCommand(program);
  addReportCommand(program, signal);
  addCleanCommand(program);
  try {
    await confined(jobConfinement(), () => program.parseAsync(args, { from: 'user' }));
    return signal.aborted ? CANCELLED : DONE;
  } catch (error) {
    // Commander has printed its own message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USERS_MISTAKE;
    if (error instanceof CancelledError || signal.aborted) {
      process.stderr.write('Cancelled. The same command goes on from the last checkpoint.\n');
      return CANCELLED;
    }
    if (error instanceof ConfigurationError) {
      process.stderr.write(`${printedText(`error: ${error.message}`)}\n`);
      return USERS_MISTAKE;
    }
    if (error instanceof ChildProcessError) {
      process.stderr.write(`${printedText(`error: ${error.message}`)}\n`);
      return FAILED;
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${printedText(text)}\n`);
    return FAILED;
  }
}
