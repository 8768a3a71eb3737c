import type { ModelArchitecture, Recipe } from '@prometheus-actions/recipe';
import { assumptionsOf } from './assumptions.ts';
import { type ComputeTime, computeTime } from './compute-time.ts';
import { expertParts } from './expert-parts.ts';
import { checkFit, type Fit } from './fit.ts';
import type { Gpus } from './gpus.ts';
import { estimateMemory, type MemoryEstimate } from './memory.ts';
import type { KnownRows, Schedule } from './schedule.ts';
import { type StorageEstimate, storageOf } from './storage.ts';
import { flopsPerToken, trainedParameters } from './trained-parameters.ts';

export interface EstimateOptions {
  architecture: ModelArchitecture;
  /** What it is to run on; without it nothing is said of the fit and of hours. */
  gpu?: Gpus | undefined;
  /** By dataset, what is known of its rows; what is missing is looked up among the published collections. */
  rows?: Readonly<Record<string, KnownRows>> | undefined;
}

/** What a recipe costs; plain JSON. */
export interface RecipeEstimate {
  recipe: string;
  model: { type: string; parameters: number; activeParameters: number };
  processes: number;
  gpu?: Gpus;
  experts: ExpertEstimate[];
  storage: StorageEstimate;
  /** Of all experts; absent where a GPU or an expert's rows are not known. */
  gpuHours?: number;
  /** What was taken for granted, a line each. */
  assumptions: string[];
}

/** What one expert's training costs. */
export interface ExpertEstimate {
  name: string;
  parameters: { total: number; trainable: number };
  flopsPerToken: number;
  memory: MemoryEstimate;
  /** Absent where the rows are not known. */
  schedule?: Schedule;
  fit?: Fit;
  time?: ComputeTime;
}

/** Estimates memory, steps, disk, network and GPU-hours of a recipe, before anything of it has run. */
export function estimateRecipe(recipe: Recipe, options: EstimateOptions): RecipeEstimate {
  const { architecture, gpu } = options;
  const parts = recipe.experts.map((expert) => expertParts(recipe, expert, options));
  const experts = parts.map(({ expert, setup, schedule }): ExpertEstimate => {
    const onGpu = setup.device === 'gpu' ? gpu : undefined;
    const memory = estimateMemory(setup, onGpu?.memoryBytes);
    const time = onGpu && schedule && computeTime(setup, memory, schedule, onGpu);
    return {
      name: expert.name,
      parameters: trainedParameters(architecture, setup.lora),
      flopsPerToken: flopsPerToken(architecture, setup.lora).training,
      memory,
      ...(schedule ? { schedule } : {}),
      ...(onGpu ? { fit: checkFit(setup, onGpu) } : {}),
      ...(time ? { time } : {}),
    };
  });
  const hours = experts.map(({ time }) => time?.gpuHours);
  const known = hours.filter((each) => each !== undefined);
  return {
    recipe: recipe.name,
    model: {
      type: architecture.modelType,
      parameters: architecture.parameters.total,
      activeParameters: architecture.parameters.active,
    },
    processes: recipe.launch.processes,
    ...(gpu ? { gpu } : {}),
    experts,
    storage: storageOf(recipe, architecture, parts),
    ...(known.length === hours.length ? { gpuHours: known.reduce((sum, each) => sum + each, 0) } : {}),
    assumptions: assumptionsOf(recipe, parts, gpu),
  };
}
