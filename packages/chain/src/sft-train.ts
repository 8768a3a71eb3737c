import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  argumentsOnCpu,
  type Launch,
  type TrainingSection,
  type TrainingStageSettings,
  trainingSettings,
} from '@prometheus-actions/recipe';
import { type Json, type Reporter, runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { checkLaunch, launcherArguments, trainingSecrets, trainingVariables } from './launch.ts';
import { readLossCurve, trainingLogFile } from './loss-curve.ts';
import { lossCurveSvg } from './loss-curve-svg.ts';
import { type ModelReference, modelInput, modelJson } from './model-reference.ts';
import { runByOwnLauncher } from './own-launcher.ts';
import { type PythonJob, runPythonStage } from './python-stage.ts';

export interface TrainSettings {
  /** Name of the expert, for people. */
  title: string;
  model: ModelReference;
  /** Prepared data: a folder with `train/` and perhaps `test/`. */
  dataset: string;
  training: TrainingSection;
  launch: Launch;
  /** What was warned of in the file of the training. */
  warnings: readonly string[];
  outputDir: string;
}

/** Trains one expert: a model, or an adapter with `use_peft: true`. How it is launched, launch.ts says. */
export async function sftTrain(settings: TrainSettings, context: ChainContext): Promise<StageOutcome> {
  const { launch, training } = settings;
  const reportTo = servicesOf(training);
  const usesDeepSpeed = launch.config.distributed_type === 'DEEPSPEED';
  const { python, versions } = await context.python([
    'base',
    ...(usesDeepSpeed ? ['gpu' as const] : []),
    ...(isTracked(reportTo) ? ['tracking' as const] : []),
  ]);
  const trainerArguments = {
    run_name: settings.title,
    ...(training.arguments as Record<string, Json>),
    ...argumentsOnCpu(launch),
  };
  const stageSettings = trainingSettings(training, launch);
  return runStage(
    {
      name: 'sft-train',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: stageSettings,
      resumeSettings: withAnyProcesses(stageSettings),
      inputs: { model: modelInput(settings.model), dataset: { paths: [settings.dataset] } },
      revision: 2,
      versions: pick(versions, ['torch', 'transformers', 'trl', 'peft', 'accelerate']),
      resumable: true,
      warnings: settings.warnings,
      preflight: () => checkLaunch(launch, python),
      describe: (metrics) => describeTraining(metrics),
      run: async (stage) => {
        const work: PythonJob = {
          python,
          module: 'sft_train',
          env: trainingVariables(launch, reportTo),
          kept: trainingSecrets(launch, reportTo),
          models: [settings.model],
          job: {
            model: modelJson(settings.model),
            dataset: settings.dataset,
            arguments: trainerArguments,
            chat_template: training.chatTemplate ?? null,
            response_marker: training.responseMarker ?? null,
            max_incomplete_share: training.maxIncompleteShare ?? null,
            profile: training.profile,
            micro_batch_tokens: training.microBatchTokens ?? null,
            master_weights: training.masterWeights ?? null,
            save_minutes: training.saveMinutes ?? null,
            max_minutes: training.maxMinutes ?? null,
            stop_on: training.stopOn,
            training_log: trainingLogFile(settings.outputDir),
            reports: `${settings.outputDir}.tensorboard`,
            adapter: null,
            launch: {
              processes: launch.processes,
              deepspeed: usesDeepSpeed,
              mixed_precision: launch.config.mixed_precision ?? 'no',
            },
            checkpoints_dir: path.join(stage.workDir, 'checkpoints'),
            output_dir: stage.stagingDir,
          },
        };
        try {
          if (launch.launcher !== 'none') {
            return await runPythonStage(stage, {
              ...work,
              launcher: await launcherArguments(launch, python),
            });
          }
          return await runByOwnLauncher(stage, work, launch, `${settings.outputDir}.job.json`);
        } finally {
          await drawLossCurve(settings, stage.reporter);
        }
      },
    },
    context,
  );
}

/**
 * The settings without the number of processes, and what is derived from it: a training whose global batch
 * stays goes on from its checkpoint when a machine has failed. A finished one is another's, since it rounds otherwise.
 */
function withAnyProcesses({ processes, ...settings }: TrainingStageSettings): Json {
  const { gradient_accumulation_steps: accumulation, ...perProcess } = settings.arguments;
  return { ...settings, arguments: perProcess, micro_batches: Number(accumulation ?? 1) * processes };
}

/**
 * Beside the output, like the log it is drawn from: what is logged how often is not in the fingerprint of the output. A
 * training that is done is done without its picture, too.
 */
async function drawLossCurve({ title, outputDir }: TrainSettings, reporter: Reporter): Promise<void> {
  const file = `${outputDir}.loss.svg`;
  try {
    const curve = await readLossCurve(trainingLogFile(outputDir));
    if (curve) await writeFile(file, lossCurveSvg(curve, `${title}: loss`));
  } catch (error) {
    reporter.warning(`the loss curve is not drawn in ${file}: ${(error as Error).message}`);
  }
}

/** Where else the training is reported. */
function servicesOf({ arguments: { report_to } }: TrainingSection): string[] {
  return [report_to ?? []].flat().map(String);
}

/** Whether one of the services is one whose packages are locked. */
function isTracked(reportTo: readonly string[]): boolean {
  return reportTo.includes('tensorboard') || reportTo.includes('wandb');
}

function describeTraining(metrics: Json): string {
  const {
    steps,
    train_loss_first: first,
    train_loss_last: last,
    rows_without_label: withoutLabel = 0,
    rows_with_cut_answer: cut = 0,
  } = metrics as Record<string, number | undefined>;
  if (first === undefined || last === undefined) return '';
  const lost =
    withoutLabel + cut > 0 ? `, ${withoutLabel} rows without a label, ${cut} with a cut answer` : '';
  return `${steps} steps, loss ${first.toFixed(3)} → ${last.toFixed(3)}${lost}`;
}

function pick(versions: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (versions[name] ? [[name, versions[name]]] : [])));
}
