import { type Plan, type PlannedStage, plannedSettings, type Recipe } from '@prometheus-actions/recipe';
import {
  changedKeys,
  findDamage,
  type Json,
  type Manifest,
  readJsonFile,
  readManifest,
} from '@prometheus-actions/stage';

/** What is there of a planned stage's output. */
export interface StageState {
  id: string;
  outputDir: string;
  /** `outdated`: it is there and whole, and the recipe has other settings now, or an earlier stage is to do. */
  state: 'absent' | 'whole' | 'outdated' | 'damaged';
  /** Why it is to be made again, where it is outdated or damaged. */
  reason?: string;
  /** Of the run that made it. */
  fingerprint?: string;
  finished?: string;
  seconds?: number;
}

/**
 * The states of all outputs of a plan, as far as the recipe and the manifests tell them. That the versions of code or the
 * contents of the user's files are others, only the stage itself finds out when it runs.
 */
export async function planStates({ recipe, plan }: { recipe: Recipe; plan: Plan }): Promise<StageState[]> {
  const states: StageState[] = [];
  for (const stage of plan.stages) {
    const { id, outputDir, needs } = stage;
    const manifest = await readManifest(outputDir);
    if (!manifest) {
      states.push({ id, outputDir, state: 'absent' });
      continue;
    }
    const { fingerprint, timings } = manifest;
    const made = { fingerprint, finished: timings.finished, seconds: timings.seconds };
    const damage = await findDamage(outputDir, manifest, false);
    const earlier = states.filter(({ id, state }) => needs.includes(id) && state !== 'whole');
    const outdated =
      changeOf(recipe, stage, manifest) ?? (earlier[0] && `${earlier.map(({ id }) => id).join(', ')} to do`);
    const reason = damage ?? outdated;
    const state = damage ? 'damaged' : outdated ? 'outdated' : 'whole';
    states.push({ id, outputDir, state, ...(reason !== undefined && { reason }), ...made });
  }
  return states;
}

/** Which of the settings that it was made with are others in the recipe now. */
function changeOf(recipe: Recipe, stage: PlannedStage, manifest: Manifest): string | undefined {
  const config = (file: string) => readJsonFile(file) as Json;
  const changed = changedKeys(manifest.settings, plannedSettings(recipe, stage, config));
  return changed.length > 0 ? `${changed.join(', ')} changed` : undefined;
}
