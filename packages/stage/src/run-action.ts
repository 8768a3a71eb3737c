import * as core from '@actions/core';
import { abortOnSignals, CancelledError } from './cancellation.ts';
import { confined } from './confinement.ts';
import { ChildProcessError, ConfigurationError } from './errors.ts';
import { GithubReporter, withoutCommands } from './github-reporter.ts';
import { jobConfinement } from './job-confinement.ts';
import { StepOutputs, writeSummary } from './job-files.ts';
import { printable, type Reporter } from './reporter.ts';

export interface ActionContext {
  reporter: Reporter;
  signal: AbortSignal;
  setOutput: (name: string, value: string | boolean | number) => void;
  /** Markdown for the job summary; what is said at its end comes after all else, a failure too. */
  addSummary: (markdown: string, at?: 'end') => void;
}

/**
 * The frame of every action: runs `main`, then writes outputs and summary, also when it failed, and fails once. Where these
 * can't be written, that is a warning: what `main` has done is done, and why it failed is the message.
 *
 * A ConfigurationError is shown without a stack; any other error is a bug and shows it.
 */
export async function runAction(main: (context: ActionContext) => Promise<void>): Promise<void> {
  const summaries: string[] = [];
  const last: string[] = [];
  const outputs = new StepOutputs();
  const reporter = new GithubReporter();
  const signal = abortOnSignals();
  try {
    await confined(jobConfinement(), () =>
      main({
        reporter,
        signal,
        setOutput: (name, value) => outputs.set(name, value),
        addSummary: (markdown, at) => (at === 'end' ? last : summaries).push(markdown),
      }),
    );
  } catch (error) {
    if (error instanceof CancelledError || signal.aborted) {
      core.warning('Cancelled. Running again goes on from the last checkpoint.');
      process.exitCode = 130;
    } else if (error instanceof ConfigurationError || error instanceof ChildProcessError) {
      core.setFailed(withoutCommands(printable(error.message)));
      summaries.push(`### Failed\n\n${fenced(error.message)}\n`);
    } else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      core.setFailed(printable(error instanceof Error ? error.message : text));
      core.info(withoutCommands(printable(text)));
      summaries.push(`### Failed\n\n${fenced(text)}\n`);
    }
  }
  if (outputs.problem) last.push(`### Outputs are missing\n\n${fenced(outputs.problem)}\n`);
  const problems = [outputs.problem, await writeSummary([...summaries, ...last].filter(Boolean))];
  for (const problem of problems) if (problem !== undefined) reporter.warning(problem);
}

function fenced(text: string): string {
  return `\`\`\`text\n${printable(text).replaceAll('```', "'''")}\n\`\`\``;
}
