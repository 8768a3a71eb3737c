import { type Gpus, parseGpu } from '@prometheus-actions/estimate';
import type { Manifest } from '@prometheus-actions/stage';

/** What of a training's manifest tells what it ran on. */
interface TrainingRecord {
  settings?: { processes?: number; launch?: { use_cpu?: boolean } };
  metrics?: { seconds?: number; processes?: string; gpu?: string };
}

/**
 * Hours of a training, earlier runs of it included, with loading and publishing in the last one.
 *
 * @returns undefined for a stage that is no training
 */
export function trainingHours(manifest: Manifest): number | undefined {
  if (manifest.stage !== 'sft-train') return undefined;
  const { metrics } = manifest as TrainingRecord;
  return Math.max(manifest.timings.seconds, metrics?.seconds ?? 0) / 3600;
}

/**
 * GPUs × hours of a training: a process has one GPU.
 *
 * @returns undefined for any other stage, on a CPU, and where the number of processes changed on the way
 */
export function gpuHoursOf(manifest: Manifest): number | undefined {
  const hours = trainingHours(manifest);
  const { settings, metrics } = manifest as TrainingRecord;
  const processes = settings?.processes;
  if (hours === undefined || typeof processes !== 'number' || metrics?.processes) return undefined;
  return onGpu(manifest) ? processes * hours : undefined;
}

/** Whether a training's processes each had a GPU. */
export function onGpu(manifest: Manifest): boolean {
  const { settings } = manifest as TrainingRecord;
  return manifest.stage === 'sft-train' && settings?.launch?.use_cpu !== true;
}

/** The GPUs that trained, with what is known of their kind; undefined where the manifest names none that is known. */
export function gpusOf(manifest: Manifest): Gpus | undefined {
  const { settings, metrics } = manifest as TrainingRecord;
  const gpu = typeof metrics?.gpu === 'string' ? kindOf(metrics.gpu) : undefined;
  return gpu && settings?.processes ? { ...gpu, count: settings.processes } : undefined;
}

/** `NVIDIA H100 80GB HBM3`, as CUDA names a card, is an `H100-80GB`: neither its memory's kind nor its socket matters. */
function kindOf(device: string): Gpus | undefined {
  const short = device.replace(/Tesla|SXM\d?|HBM\d\w?/gi, '');
  for (const name of [short, short.replace(/PCIe/i, '')]) {
    try {
      return parseGpu(name);
    } catch {
      // A kind that is not known has no estimate.
    }
  }
  return undefined;
}
