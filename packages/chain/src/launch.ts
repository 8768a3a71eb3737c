import { createServer } from 'node:net';
import path from 'node:path';
import type { Launch } from '@prometheus-actions/recipe';
import {
  ConfigurationError,
  isolatedPython,
  PYTHON_VARIABLES,
  runCommand,
  SAFE_PATH_OPTION,
} from '@prometheus-actions/stage';

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

/** The environment of the training processes. */
export function trainingVariables({ config }: Launch, reportTo: readonly string[]): Record<string, string> {
  return {
    ...(config.use_cpu === true ? KEEP_FREED_MEMORY : GROWING_SEGMENTS),
    ...(reportTo.includes('trackio') ? ASKS_THE_HUB : {}),
  };
}

// Trackio reports to the hub.
const ASKS_THE_HUB = {
  HF_HUB_OFFLINE: process.env.HF_HUB_OFFLINE ?? '',
  HF_HUB_DISABLE_IMPLICIT_TOKEN: process.env.HF_HUB_DISABLE_IMPLICIT_TOKEN ?? '',
};

// The token of a cluster that asks for one (auth/jwt).
const SLURM_SECRETS = /^SLURM_JWT$/;

/** Names of the variables with secrets that the training processes need: to report, and to be started. */
export function trainingSecrets({ launcher }: Launch, reportTo: readonly string[]): RegExp {
  const names = reportTo.flatMap((service) => TRACKERS[service]?.source ?? []);
  if (launcher === 'slurm') names.push(SLURM_SECRETS.source);
  return names.length === 0 ? /(?!)/ : new RegExp(names.join('|'));
}

// Where else transformers reports, as report_to names it, and what its libraries log in with.
const TRACKERS: Record<string, RegExp> = {
  azure_ml: /^(?:AZURE|AZUREML|MLFLOW)_/,
  clearml: /^(?:CLEARML|TRAINS)_/,
  codecarbon: /^CODECARBON_/,
  comet_ml: /^COMET_/,
  dagshub: /^(?:DAGSHUB|MLFLOW)_/,
  dvclive: /^(?:DVC|DVCLIVE)_/,
  flyte: /^(?:FLYTE|UNION)_/,
  kubeflow: /^KUBEFLOW_/,
  mlflow: /^(?:MLFLOW|DATABRICKS|AWS|AZURE_STORAGE)_|^GOOGLE_APPLICATION_CREDENTIALS$/,
  neptune: /^NEPTUNE_/,
  swanlab: /^SWANLAB_/,
  trackio: /^TRACKIO_|^HF_TOKEN$|^HUGGING_FACE_HUB_TOKEN$/,
  wandb: /^WANDB_/,
};

/**
 * Looks whether the training can start, in seconds; what needs an allocation first, slurm_launch.py looks at in it.
 *
 * @throws ConfigurationError when GPUs are too few, busy or not usable, a port is taken, or there is no Slurm
 */
export async function checkLaunch(launch: Launch, python: string): Promise<void> {
  if (launch.launcher === 'slurm') await requireSlurm();
  if (launch.launcher !== 'local') return;
  const port = launch.config.main_process_port;
  const { stdout, stderr } = await runCommand(
    python,
    [
      ...[SAFE_PATH_OPTION, '-m', 'prometheus_trainer.node_check', '--processes', String(launch.processes)],
      ...(isOnCpu(launch) ? ['--cpu'] : []),
      ...(port ? ['--main', `127.0.0.1:${port}`] : []),
    ],
    { env: { ...PYTHON_VARIABLES, SLURM_PROCID: '0' } },
  );
  if (!stdout.startsWith('{')) throw new Error(`the check of this machine failed:\n${stderr}`);
  const { problem, hint } = JSON.parse(stdout) as { problem: string | null; hint: string | null };
  if (problem === null) return;
  throw new ConfigurationError(`${path.basename(launch.configFile)} can't train here: ${problem}`, {
    hint: hint ?? undefined,
  });
}

/** What starts the processes of a launch: arguments of Python before `-m module`. */
export async function launcherArguments(launch: Launch, python: string): Promise<string[]> {
  const port = launch.config.main_process_port;
  const accelerate = ['--config_file', launch.configFile, '--num_processes', String(launch.processes)];
  if (launch.launcher === 'local') {
    const free = ['--main_process_port', String(port || (await freePort()))];
    return ['-m', 'accelerate.commands.launch', ...accelerate, ...free, ...byAccelerate(python)];
  }
  return [
    ...['-m', 'prometheus_trainer.slurm_launch', '--nodes', String(launch.nodes), ...accelerate],
    ...(isOnCpu(launch) ? ['--cpu'] : []),
    ...(port ? ['--main_process_port', String(port)] : []),
    ...launch.slurmOptions.map((option) => `--salloc=${option}`),
  ];
}

/** Has accelerate start this Python, isolated, instead of its own: arguments of its, before `-m module`. */
export function byAccelerate(python: string): string[] {
  return ['--no_python', ...isolatedPython(python)];
}

function isOnCpu({ config }: Launch): boolean {
  return config.use_cpu === true || process.env.DS_ACCELERATOR === 'cpu';
}

async function requireSlurm(): Promise<void> {
  const hint =
    'Run this on a machine of the cluster from which jobs are submitted, or in a job; or write launcher: local.';
  const found = await runCommand('srun', ['--version'], { kept: SLURM_SECRETS });
  if (found.exitCode === 127) {
    throw new ConfigurationError('launch.launcher is slurm, and there is no srun on this machine', { hint });
  }
  const answered =
    found.exitCode === 0 ? await runCommand('sinfo', ['--noheader'], { kept: SLURM_SECRETS }) : found;
  if (answered.exitCode !== 0) {
    const said = answered.stderr.trim().split('\n').at(-1);
    throw new ConfigurationError(`launch.launcher is slurm, and Slurm does not answer here: ${said}`, {
      hint,
    });
  }
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
