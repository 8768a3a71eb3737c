import { hostname } from 'node:os';
import path from 'node:path';
import type { Plan, PlannedStage } from '@prometheus-actions/recipe';
import { ConfigurationError, readManifest } from '@prometheus-actions/stage';

/**
 * Checks that the outputs of earlier stages are on this machine, before anything is started.
 *
 * Jobs of a workflow hand nothing over but the folder of artifacts: they must run on one runner, or on runners that share
 * a disk.
 *
 * @throws ConfigurationError naming what is not there, and what to do
 */
export async function requireEarlierOutputs(plan: Plan, { needs }: PlannedStage): Promise<void> {
  const earlier = plan.stages.filter(({ id, stage }) => needs.includes(id) && stage !== 'base-model');
  const manifests = await Promise.all(earlier.map(({ outputDir }) => readManifest(outputDir)));
  const missing = earlier.filter((_, index) => manifests[index] === undefined);
  if (missing.length === 0) return;
  const outputs = missing.map(
    ({ id, outputDir }) => `${path.relative(plan.artifactsDir, outputDir)} (${id})`,
  );
  const run =
    process.env.GITHUB_ACTIONS === 'true'
      ? `If an earlier job made it, that one ran on another machine (this is ${hostname()}), or with another folder: give all jobs one runner, or runners that share a disk, and as artifacts-dir a folder there.`
      : `Run ${missing.length === 1 ? 'that stage' : 'these stages'} first, or replicate, with the same --artifacts-dir.`;
  throw new ConfigurationError(
    `in ${plan.artifactsDir} there is no finished ${outputs.join(', nor ')}, which this stage reads`,
    { hint: run },
  );
}
