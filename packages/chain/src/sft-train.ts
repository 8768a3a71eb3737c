import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import type { Launch, TrainingSection } from '@prometheus-actions/recipe';
import { type Json, runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { readLossCurve, trainingLogFile } from './loss-curve.ts';
import { lossCurveSvg } from './loss-curve-svg.ts';
import { type ModelReference, modelInput, modelJson } from './model-reference.ts';
import { requireGpus } from './preflight.ts';
import { runPythonStage } from './python-stage.ts';

export interface TrainSettings {
  /** Name of the expert, for people. */
  title: string;
  model: ModelReference;
  /** Prepared data: a folder with `train/` and perhaps `test/`. */
  dataset: string;
  training: TrainingSection;
  launch: Launch;
  outputDir: string;
}

/** Arguments that change what is logged, saved or how fast it goes, and no weight: changing one trains nothing again. */
const WITHOUT_EFFECT_ON_WEIGHTS = new Set([
  'dataloader_num_workers',
  'dataloader_persistent_workers',
  'dataloader_pin_memory',
  'dataloader_prefetch_factor',
  'dataset_num_proc',
  'disable_tqdm',
  'hub_model_id',
  'log_level',
  'logging_first_step',
  'logging_nan_inf_filter',
  'logging_steps',
  'logging_strategy',
  'project',
  'push_to_hub',
  'report_to',
  'run_name',
  'save_steps',
  'save_strategy',
  'save_total_limit',
]);

// glibc gives large freed blocks back to the kernel, which clears them when it hands them out again: with logits of
// hundreds of megabytes that took half of the time of a step on a CPU.
const KEEP_FREED_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: String(8 * 2 ** 30),
  MALLOC_TRIM_THRESHOLD_: String(16 * 2 ** 30),
  MALLOC_TOP_PAD_: String(256 * 2 ** 20),
};

// Batches of ever other sizes leave holes in segments of a fixed size; what fits is reckoned without them.
const GROWING_SEGMENTS = {
  PYTORCH_CUDA_ALLOC_CONF: process.env.PYTORCH_CUDA_ALLOC_CONF ?? 'expandable_segments:True',
};

/** Trains one expert under `accelerate launch`: a model, or an adapter with `use_peft: true`. */
export async function sftTrain(settings: TrainSettings, context: ChainContext): Promise<StageOutcome> {
  const { launch, training } = settings;
  const usesDeepSpeed = launch.config.distributed_type === 'DEEPSPEED';
  const { python, versions } = await context.python([
    'base',
    ...(usesDeepSpeed ? ['gpu' as const] : []),
    ...(isTracked(training) ? ['tracking' as const] : []),
  ]);
  // The trainer must know, too: accelerate tells it about a CPU in some of its launch modes only.
  const onCpu: Record<string, Json> = launch.config.use_cpu === true ? { use_cpu: true } : {};
  const trainerArguments = {
    run_name: settings.title,
    ...(training.arguments as Record<string, Json>),
    ...onCpu,
  };
  const { num_processes: _processes, ...launchConfig } = launch.config;
  const stageSettings = {
    profile: training.profile,
    chat_template: training.chatTemplate ?? null,
    response_marker: training.responseMarker ?? null,
    micro_batch_tokens: training.microBatchTokens ?? null,
    master_weights: training.masterWeights,
    arguments: Object.fromEntries(
      Object.entries(trainerArguments).filter(([key]) => !WITHOUT_EFFECT_ON_WEIGHTS.has(key)),
    ),
    processes: launch.processes,
    launch: launchConfig as Record<string, Json>,
  };
  return runStage(
    {
      name: 'sft-train',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: stageSettings,
      resumeSettings: withAnyProcesses(stageSettings),
      inputs: { model: modelInput(settings.model), dataset: { paths: [settings.dataset] } },
      revision: 1,
      versions: pick(versions, ['torch', 'transformers', 'trl', 'peft', 'accelerate']),
      resumable: true,
      preflight: () => requireGpus(launch),
      describe: (metrics) => describeTraining(metrics),
      run: async (stage) =>
        runPythonStage(stage, {
          python,
          module: 'sft_train',
          launcher: [
            ...['-m', 'accelerate.commands.launch', '--config_file', launch.configFile],
            ...['--num_processes', String(launch.processes), '--main_process_port', String(await freePort())],
          ],
          env: launch.config.use_cpu === true ? KEEP_FREED_MEMORY : GROWING_SEGMENTS,
          job: {
            model: modelJson(settings.model),
            dataset: settings.dataset,
            arguments: trainerArguments,
            chat_template: training.chatTemplate ?? null,
            response_marker: training.responseMarker ?? null,
            profile: training.profile,
            micro_batch_tokens: training.microBatchTokens ?? null,
            master_weights: training.masterWeights,
            save_minutes: training.saveMinutes ?? null,
            max_minutes: training.maxMinutes ?? null,
            stop_on: training.stopOn,
            training_log: trainingLogFile(settings.outputDir),
            reports: `${settings.outputDir}.tensorboard`,
            adapter: null,
            checkpoints_dir: path.join(stage.workDir, 'checkpoints'),
            output_dir: stage.stagingDir,
          },
        }).finally(() => drawLossCurve(settings)),
    },
    context,
  );
}

/**
 * The settings without the number of processes and machines, and what is derived from it: a training whose global batch
 * stays goes on from its checkpoint when a machine has failed. A finished one is another's, since it rounds otherwise.
 */
function withAnyProcesses<
  Settings extends {
    processes: number;
    arguments: Record<string, Json>;
    launch: Record<string, Json>;
  },
>({ processes, ...settings }: Settings): Json {
  const { gradient_accumulation_steps: accumulation, ...perProcess } = settings.arguments;
  const { num_machines: _machines, machine_rank: _rank, ...launch } = settings.launch;
  return { ...settings, arguments: perProcess, launch, micro_batches: Number(accumulation ?? 1) * processes };
}

/** Beside the output, like the log it is drawn from: what is logged how often is not in the fingerprint of the output. */
async function drawLossCurve({ title, outputDir }: TrainSettings): Promise<void> {
  const curve = await readLossCurve(trainingLogFile(outputDir));
  if (curve) await writeFile(`${outputDir}.loss.svg`, lossCurveSvg(curve, `${title}: loss`));
}

/** Whether the training is reported to one of the services whose packages are locked. */
function isTracked({ arguments: { report_to } }: TrainingSection): boolean {
  const names = Array.isArray(report_to) ? report_to : [report_to];
  return names.includes('tensorboard') || names.includes('wandb');
}

function describeTraining(metrics: Json): string {
  const {
    steps,
    train_loss_first: first,
    train_loss_last: last,
  } = metrics as Record<string, number | undefined>;
  if (first === undefined || last === undefined) return '';
  return `${steps} steps, loss ${first.toFixed(3)} → ${last.toFixed(3)}`;
}

function pick(versions: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (versions[name] ? [[name, versions[name]]] : [])));
}

/** A port that is free now: two trainings on one machine must not meet at the default one. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
