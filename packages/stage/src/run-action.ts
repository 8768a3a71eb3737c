import * as core from '@actions/core';
import { abortOnSignals, CancelledError } from './cancellation.ts';
import { ChildProcessError, ConfigurationError } from './errors.ts';
import { GithubReporter, withoutCommands } from './github-reporter.ts';
import { printable, type Reporter } from './reporter.ts';

export interface ActionContext {
  reporter: Reporter;
  signal: AbortSignal;
  setOutput: (name: string, value: string | boolean | number) => void;
  /** Markdown for the job summary. */
  addSummary: (markdown: string) => void;
}

/**
 * The frame of every action: runs `main`, then writes outputs and summary, also when it failed, and fails once.
 *
 * A ConfigurationError is shown without a stack; any other error is a bug and shows it.
 */
export async function runAction(main: (context: ActionContext) => Promise<void>): Promise<void> {
  const summaries: string[] = [];
  const signal = abortOnSignals();
  try {
    await main({
      reporter: new GithubReporter(),
      signal,
      setOutput: (name, value) => core.setOutput(name, value),
      addSummary: (markdown) => summaries.push(markdown),
    });
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
  if (summaries.length > 0 && process.env.GITHUB_STEP_SUMMARY) {
    await core.summary.addRaw(summaries.join('\n'), true).write();
  }
}

function fenced(text: string): string {
  return `\`\`\`text\n${printable(text).replaceAll('```', "'''")}\n\`\`\``;
}
