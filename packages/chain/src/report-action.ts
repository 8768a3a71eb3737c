import path from 'node:path';
import { type ActionContext, ConfigurationError, markdown, SUMMARY_LIMIT } from '@prometheus-actions/stage';
import { actionInputs } from './action-inputs.ts';
import { reportRequest } from './requests/report-request.ts';
import { planOf, required } from './requests/request.ts';
import { COMMENT_LIMIT, pullRequestOf, stickyComment } from './run-report/pull-request-comment.ts';
import { reportMarkdown } from './run-report/report-markdown.ts';
import { reportTitle } from './run-report/report-tables.ts';
import { type RunReport, runReport } from './run-report/run-report.ts';
import { stageVerdicts } from './run-report/stage-verdicts.ts';
import { reportFile, writeReport } from './run-report/write-report.ts';

/** What else this step writes to its summary, such as why a comment failed, has room behind the report. */
const ROOM_LEFT = 16 * 1024;

/**
 * The action that reports a run: the page, the summary of the job and, where it is asked for, a comment on the pull request.
 * A run that is not complete is reported with a warning, not with a failure: its own job has failed.
 */
export async function reportAction(action: ActionContext): Promise<void> {
  const { reporter, signal, setOutput, addSummary } = action;
  const inputs = actionInputs(reportRequest.inputs);
  const planned = planOf({ ...inputs, recipe: required(inputs.recipe, 'recipe') }, { reporter });
  const report = await runReport(planned, { signal });
  setOutput('complete', report.complete);
  setOutput('stages', JSON.stringify(stageVerdicts(report)));
  setOutput('summary', reportMarkdown(report, COMMENT_LIMIT));
  addSummary(reportMarkdown(report, SUMMARY_LIMIT - ROOM_LEFT));
  const file = path.resolve(inputs.output ?? reportFile(planned.plan));
  await writeReport(report, file);
  setOutput('html', file);
  reporter.info(`${reportTitle(report)}; the report is in ${file}`);
  if (!report.complete) reporter.warning([reportTitle(report), ...report.missing].join('\n'));
  if (inputs.comment) await comment(report, inputs.token, action);
}

/** Comments on the pull request. The report is complete by then, so a comment that fails is a warning, also in the summary. */
async function comment(
  report: RunReport,
  token: string | undefined,
  { reporter, addSummary }: ActionContext,
): Promise<void> {
  try {
    const pullRequest = pullRequestOf(process.env);
    if (!pullRequest) {
      reporter.notice('comment: this is no run of a pull request, so there is nothing to comment on.');
      return;
    }
    if (!token)
      throw new ConfigurationError('there is no token', {
        hint: 'Give the input token, or leave comment out.',
      });
    const address = await stickyComment(pullRequest, token, report.recipe, (limit) =>
      reportMarkdown(report, limit),
    );
    reporter.info(`The comment is at ${address}`);
  } catch (error) {
    const problem = `comment: not written: ${(error as Error).message}`;
    reporter.warning(problem);
    addSummary(`${markdown(problem)}\n`, 'end');
  }
}
