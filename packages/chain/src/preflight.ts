import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Launch } from '@prometheus-actions/recipe';
import { ConfigurationError, formatBytes, runCommand } from '@prometheus-actions/stage';

/** @throws ConfigurationError when the launch config trains on GPUs and this machine has too few */
export async function requireGpus(launch: Launch): Promise<void> {
  if (launch.config.use_cpu === true || process.env.DS_ACCELERATOR === 'cpu') return;
  const machines = Number(launch.config.num_machines ?? 1);
  const needed = Math.ceil(launch.processes / machines);
  const { exitCode, stdout } = await runCommand('nvidia-smi', ['--list-gpus']);
  const present = exitCode === 0 ? stdout.split('\n').filter((line) => line.startsWith('GPU ')).length : 0;
  const visible = process.env.CUDA_VISIBLE_DEVICES?.split(',').filter(Boolean).length ?? present;
  const usable = Math.min(present, visible);
  if (usable < needed) {
    throw new ConfigurationError(
      `${path.basename(launch.configFile)} trains with ${needed} processes on this machine, one a GPU, and there are ${usable} GPUs`,
      {
        hint: 'State the processes (--processes, or launch.processes in recipe.yaml), or launch with the config cpu.',
      },
    );
  }
}

/** @throws ConfigurationError when the disk of a folder has less than `bytes` free */
export async function requireFreeDisk(folder: string, bytes: number, purpose: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes) {
    throw new ConfigurationError(
      `${purpose} needs ${formatBytes(bytes)} in ${folder}, and ${formatBytes(bavail * bsize)} are free`,
      { hint: 'Free space there, or choose another folder for the artifacts.' },
    );
  }
}
