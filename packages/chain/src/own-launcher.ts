import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Launch } from '@prometheus-actions/recipe';
import {
  type Json,
  PYTHON_VARIABLES,
  SAFE_PATH_OPTION,
  type StageContext,
  type StageEvent,
} from '@prometheus-actions/stage';
import { fetchModels } from './fetch-models.ts';
import { byAccelerate } from './launch.ts';
import type { PythonJob } from './python-stage.ts';

/**
 * The stage where somebody's own launcher starts the processes: the job is made ready and the stage ends, `stopped`;
 * running it again once the job is done publishes what that made. Until then it says how to start the job.
 *
 * @param jobFile where the job is put, a path that stays the same from run to run
 */
export async function runByOwnLauncher(
  stage: StageContext,
  { python, module, job, env, kept, models }: PythonJob,
  launch: Launch,
  jobFile: string,
): Promise<{ metrics: Json } | 'stopped'> {
  const made = path.join(stage.workDir, 'output');
  const eventsFile = path.join(stage.workDir, 'events.jsonl');
  const events = await readEvents(eventsFile);
  const last = events.at(-1);
  for (const event of events) if (event.event === 'warning') stage.reporter.warning(event.message);
  if (last?.event === 'done') {
    await rm(stage.stagingDir, { recursive: true, force: true });
    await rename(made, stage.stagingDir);
    await rm(jobFile, { force: true });
    return { metrics: last.metrics };
  }
  await fetchModels(models, stage);
  const whole = { ...job, output_dir: made, events: eventsFile };
  await writeFile(jobFile, JSON.stringify(whole, null, 2));
  if (last?.event === 'error') stage.reporter.warning(`${jobFile} ended with an error: ${last.message}`);
  else if (last?.event === 'stopped') stage.progress.line(`stopped at step ${last.step}, and can go on`);
  else if (last) stage.progress.line('started, and not yet done');
  const emptied = TOKENS.filter((name) => !kept?.test(name)).map((name): [string, string] => [name, '']);
  const variables = [...Object.entries(PYTHON_VARIABLES), ...emptied, ...Object.entries(env ?? {})];
  const training = ['-m', `prometheus_trainer.${module}`, '--job', jobFile];
  const command = [python, SAFE_PATH_OPTION, '-m', ...starter(launch, python), ...training].map(quoted);
  const line = [...variables.map(([name, value]) => `${name}=${quoted(value)}`), ...command].join(' ');
  stage.progress.line(`ready to be trained with ${launch.processes} processes; on one node, for example:`);
  stage.reporter.info(`  ${line}`);
  stage.progress.line('once that is done, run this stage again to publish the result');
  return 'stopped';
}

/** Emptied is as if they were not set. */
const TOKENS = ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'];

/** The module that starts the processes, and its arguments before those of the training. */
function starter({ config, configFile, processes }: Launch, python: string): string[] {
  if (config.distributed_type !== 'DEEPSPEED')
    return ['torch.distributed.run', '--nproc-per-node', String(processes)];
  const accelerate = ['--config_file', configFile, '--num_processes', String(processes)];
  return ['accelerate.commands.launch', ...accelerate, ...byAccelerate(python)];
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function readEvents(file: string): Promise<StageEvent[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as StageEvent];
    } catch {
      return []; // the last line of a process that was killed
    }
  });
}
