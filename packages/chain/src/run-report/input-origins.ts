import type { Plan } from '@prometheus-actions/recipe';
import type { Manifest } from '@prometheus-actions/stage';

/** Where an input of a stage came from: a link of the chain of digests from the data to the judge. */
export interface InputOrigin {
  name: string;
  /** A path, or `id@revision` of a hub repository. */
  from: string;
  digest: string;
  /** The stage of the plan that made it; absent for what came from outside. */
  stage?: string;
  /** Whether that stage's output, as it is now, is what was read. */
  same?: boolean;
}

/** The origins of a manifest's inputs. Outputs that were moved together are recognized by their digests. */
export function originsOf(
  manifest: Manifest,
  plan: Plan,
  manifests: ReadonlyMap<string, Manifest>,
): InputOrigin[] {
  return Object.entries(manifest.inputs).map(([name, { from, digest }]) => {
    const stage =
      plan.stages.find(({ id }) => manifests.get(id)?.digest === digest) ??
      plan.stages.find(({ outputDir }) => outputDir === from);
    const same = stage && manifests.get(stage.id)?.digest === digest;
    return { name, from, digest, ...(stage && { stage: stage.id }), ...(same !== undefined && { same }) };
  });
}
