import type { Plan } from '@prometheus-actions/recipe';
import { findDamage, readManifest } from '@prometheus-actions/stage';

/** What is there of a planned stage's output. */
export interface StageState {
  id: string;
  outputDir: string;
  state: 'absent' | 'whole' | 'damaged';
  /** What differs from the manifest, where it is damaged. */
  damage?: string;
  /** Of the run that made it. */
  fingerprint?: string;
  finished?: string;
  seconds?: number;
}

/** The states of all outputs of a plan. A whole one may still be of other settings: that is told when the stage runs. */
export function planStates(plan: Plan): Promise<StageState[]> {
  return Promise.all(
    plan.stages.map(async ({ id, outputDir }): Promise<StageState> => {
      const manifest = await readManifest(outputDir);
      if (!manifest) return { id, outputDir, state: 'absent' };
      const damage = await findDamage(outputDir, manifest, false);
      const { fingerprint, timings } = manifest;
      const made = { fingerprint, finished: timings.finished, seconds: timings.seconds };
      return damage
        ? { id, outputDir, state: 'damaged', damage, ...made }
        : { id, outputDir, state: 'whole', ...made };
    }),
  );
}
