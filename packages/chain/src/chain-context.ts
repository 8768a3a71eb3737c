import type { Diagnostic } from '@prometheus-actions/recipe';
import {
  ensurePython,
  type PythonEnvironment,
  type RequirementSet,
  type StageOptions,
} from '@prometheus-actions/stage';

/** What every stage of a run is given: where to report, when to stop, and Python, set up when first needed. */
export interface ChainContext extends StageOptions {
  python: (sets: readonly RequirementSet[]) => Promise<PythonEnvironment>;
  /** What was found in the files of the recipe: what is about a stage's own file is a warning of the stage. */
  findings?: readonly Diagnostic[];
}

export function chainContext(options: StageOptions): ChainContext {
  const environments = new Map<string, Promise<PythonEnvironment>>();
  return {
    ...options,
    python: (sets) => {
      const key = sets.join('+');
      const environment = environments.get(key) ?? ensurePython(sets, options.reporter);
      environments.set(key, environment);
      return environment;
    },
  };
}
