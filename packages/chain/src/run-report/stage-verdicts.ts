import path from 'node:path';
import { MANIFEST_FILE } from '@prometheus-actions/stage';
import type { InputOrigin } from './input-origins.ts';
import type { RunReport, StageReport } from './run-report.ts';

/** What a workflow is told of one stage: its state, and the link of the chain of manifests that its output is. */
interface StageVerdict {
  stage: string;
  state: StageReport['state'];
  /** Why the output is not whole. */
  reason?: string;
  output_dir: string;
  /** File of the manifest; this and what follows is absent where there is no output. */
  manifest?: string;
  fingerprint?: string;
  digest?: string;
  inputs?: InputOrigin[];
}

/** The verdict of each stage, in the plan's order. */
export function stageVerdicts({ stages }: RunReport): StageVerdict[] {
  return stages.map(({ id, state, reason, outputDir, made }) => ({
    stage: id,
    state,
    ...(reason !== undefined && { reason }),
    output_dir: outputDir,
    ...(made && {
      manifest: path.join(outputDir, MANIFEST_FILE),
      fingerprint: made.fingerprint,
      digest: made.digest,
      inputs: made.inputs,
    }),
  }));
}
