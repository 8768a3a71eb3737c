import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  ChildProcessError,
  ConfigurationError,
  type Json,
  PYTHON_VARIABLES,
  printable,
  runProcessGroup,
  SAFE_PATH_OPTION,
  type StageContext,
  type StageEvent,
} from '@prometheus-actions/stage';
import { fetchModels } from './fetch-models.ts';
import type { ModelReference } from './model-reference.ts';
import { evaluationLine, trainingLine } from './training-line.ts';

export interface PythonJob {
  python: string;
  /** Module of `prometheus_trainer` to run. */
  module: string;
  job: Record<string, Json>;
  /** Arguments between `python` and `-m module`: a launcher. */
  launcher?: readonly string[];
  env?: Record<string, string>;
  /** Names of variables that it needs though they hold secrets. */
  kept?: RegExp | undefined;
  /** The models that it reads. */
  models: readonly ModelReference[];
}

/**
 * Runs a stage written in Python: the job goes in as a file, events come back as JSON lines.
 *
 * @returns the metrics that it ended with, or `stopped` when it saved its state and can go on
 * @throws ConfigurationError when the stage says that the user made a mistake
 */
export async function runPythonStage(
  context: StageContext,
  work: PythonJob,
): Promise<{ metrics: Json } | 'stopped'> {
  await fetchModels(work.models, context);
  const jobFile = path.join(context.workDir, 'job.json');
  const eventsFile = path.join(context.workDir, `events-${Date.now()}.jsonl`);
  await writeFile(jobFile, JSON.stringify({ ...work.job, events: eventsFile }, null, 2));
  let last: StageEvent | undefined;
  const result = await runProcessGroup({
    command: work.python,
    args: [
      SAFE_PATH_OPTION,
      ...(work.launcher ?? []),
      ...['-m', `prometheus_trainer.${work.module}`, '--job', jobFile],
    ],
    env: {
      ...PYTHON_VARIABLES,
      PYTHONUNBUFFERED: '1',
      TOKENIZERS_PARALLELISM: 'false',
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      ...work.env,
    },
    kept: work.kept,
    logFile: context.logFile,
    eventsFile,
    signal: context.signal,
    onEvent: (event) => {
      if (event.event === 'done' || event.event === 'stopped' || event.event === 'error') last ??= event;
      else showEvent(event, context);
    },
  });
  if (last?.event === 'done') return { metrics: last.metrics };
  if (last?.event === 'stopped') return 'stopped';
  context.signal.throwIfAborted();
  if (last?.event === 'error' && last.kind === 'configuration') {
    throw new ConfigurationError(last.message, { hint: last.hint ?? undefined });
  }
  if (last?.event === 'error' && last.kind === 'diverged') {
    throw new ChildProcessError(`${work.module} gave up: ${last.message}\n  ${last.hint}`);
  }
  const ending = result.killedBy
    ? `was killed by ${result.killedBy}`
    : `ended with exit code ${result.exitCode}`;
  const reason = last?.event === 'error' ? `: ${last.message}` : '';
  throw new ChildProcessError(
    `${work.module} ${ending}${reason}\nIts last lines (all of them are in ${context.logFile}):\n${result.tail.map((line) => `  | ${printable(line)}`).join('\n')}`,
  );
}

function showEvent(event: StageEvent, { progress, reporter }: StageContext): void {
  switch (event.event) {
    case 'phase':
      return progress.phase(event.name);
    case 'progress':
      return progress.progress(event.done, event.total, event.unit);
    case 'train':
      return progress.line(trainingLine(event));
    case 'evaluation':
      return progress.line(evaluationLine(event));
    case 'checkpoint':
      return progress.line(`checkpoint at step ${event.step}`);
    case 'notice':
      return reporter.notice(event.message);
    case 'warning':
      return reporter.warning(event.message);
  }
}
