import { getInput } from '@actions/core';
import { type ActionContext, RecordingReporter, type StageOutcome } from '@prometheus-actions/stage';
import { actionInputs } from './action-inputs.ts';
import { type ActionsCache, actionsCache } from './actions-cache.ts';
import { chainContext } from './chain-context.ts';
import { lossCurveSummary, stageSummary } from './report.ts';
import type { StageRequest } from './requests/request.ts';
import { warningsMarkdown } from './warnings.ts';

/**
 * One stage as a GitHub action: reads the inputs, runs it, sets outputs and summary.
 *
 * @param loadCache gives the action the input `cache`
 */
export async function stageAction(
  request: StageRequest,
  action: ActionContext,
  loadCache?: () => Promise<ActionsCache>,
): Promise<void> {
  const { signal } = action;
  const reporter = new RecordingReporter(action.reporter);
  // Whatever happens, the outputs that can be told are set, so that a later job's condition sees a value.
  action.setOutput('finished', false);
  action.setOutput('cache-hit', false);
  const inputs = actionInputs(request.inputs);
  const verify = getInput('verify') === 'true';
  const cache =
    loadCache && getInput('cache') === 'true' ? actionsCache(await loadCache(), reporter) : undefined;
  const run = request.run(inputs, chainContext({ reporter, signal, verify, cache }));
  // Of a stage that failed or was stopped, too: its warnings may say why.
  const outcome = await run.finally(() => action.addSummary(warningsMarkdown(reporter.warnings), 'end'));
  setOutputs(action, outcome);
  action.addSummary(stageSummary(outcome.manifest?.title ?? request.name, outcome.status, outcome.manifest));
  action.addSummary(await lossCurveSummary(outcome));
  signal.throwIfAborted();
}

function setOutputs(action: ActionContext, { status, outputDir, manifest }: StageOutcome): void {
  action.setOutput('output-dir', outputDir);
  action.setOutput('cache-hit', status === 'up to date');
  action.setOutput('finished', status !== 'stopped');
  action.setOutput('fingerprint', manifest?.fingerprint ?? '');
  action.setOutput('metrics', JSON.stringify(manifest?.metrics ?? {}));
}
