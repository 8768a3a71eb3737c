import path from 'node:path';
import type { ActionContext } from '@prometheus-actions/stage';
import { actionInputs } from './action-inputs.ts';
import { reportRequest } from './requests/report-request.ts';
import { planOf, required } from './requests/request.ts';
import { COMMENT_LIMIT, pullRequestOf, stickyComment } from './run-report/pull-request-comment.ts';
import { reportMarkdown, SUMMARY_LIMIT } from './run-report/report-markdown.ts';
import { reportTitle } from './run-report/report-tables.ts';
import { runReport } from './run-report/run-report.ts';
import { stageVerdicts } from './run-report/stage-verdicts.ts';
import { reportFile, writeReport } from './run-report/write-report.ts';

/** What else this step writes to its summary, such as why a comment failed, has room behind the report. */
const ROOM_LEFT = 16 * 1024;

/**
 * The action that reports a run: the page, the summary of the job and, where it is asked for, a comment on the pull request.
 * A run that is not complete is reported with a warning, not with a failure: its own job has failed.
 */
export async function reportAction({
  reporter,
  signal,
  setOutput,
  addSummary,
}: ActionContext): Promise<void> {
  const inputs = actionInputs(reportRequest.inputs);
  const planned = planOf({ ...inputs, recipe: required(inputs.recipe, 'recipe') }, { reporter });
  const report = await runReport(planned, { signal });
  const file = path.resolve(inputs.output ?? reportFile(planned.plan));
  await writeReport(report, file);
  setOutput('html', file);
  setOutput('complete', report.complete);
  setOutput('stages', JSON.stringify(stageVerdicts(report)));
  setOutput('summary', reportMarkdown(report, COMMENT_LIMIT));
  addSummary(reportMarkdown(report, SUMMARY_LIMIT - ROOM_LEFT));
  reporter.info(`${reportTitle(report)}; the report is in ${file}`);
  if (!report.complete) reporter.warning([reportTitle(report), ...report.missing].join('\n'));
  if (!inputs.comment) return;
  const pullRequest = pullRequestOf(process.env);
  if (!pullRequest) {
    reporter.notice('comment: this is no run of a pull request, so there is nothing to comment on.');
    return;
  }
  const address = await stickyComment(pullRequest, required(inputs.token, 'token'), report.recipe, (limit) =>
    reportMarkdown(report, limit),
  );
  reporter.info(`The comment is at ${address}`);
}
