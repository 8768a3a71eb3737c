import type { DataReport } from '@prometheus-actions/dataset';
import type { Plan, Recipe } from '@prometheus-actions/recipe';
import type { Json, Manifest } from '@prometheus-actions/stage';
import { readManifest } from '@prometheus-actions/stage';
import { type LossCurve, readLossCurve, trainingLogFile } from '../loss-curve.ts';
import type { MergeMetrics } from '../merge-report.ts';
import { planStates } from '../plan-states.ts';
import { type ExpertReport, expertReports, type PlannedCost, plannedCost } from './expert-reports.ts';
import { type InputOrigin, originsOf } from './input-origins.ts';
import { missingOf } from './missing.ts';
import { gpuHoursOf } from './training-cost.ts';

/** A whole run as its manifests tell it; plain JSON. Of a run that failed or was stopped, what there is. */
export interface RunReport {
  report_version: 1;
  recipe: string;
  artifactsDir: string;
  /** When the report was made, ISO 8601. */
  made: string;
  /** Whether every output is there, whole, as the recipe says, and made from the other outputs as they are now. */
  complete: boolean;
  /** What is missing or doesn't fit together, a sentence each. */
  missing: string[];
  totals: Totals;
  /** In the plan's order. */
  stages: StageReport[];
  experts: ExpertReport[];
  /** By dataset; without those that are not prepared. */
  datasets: Record<string, DataReport>;
  /** Absent before the experts are merged. */
  merge?: MergeMetrics;
  planned: PlannedCost;
}

/** One stage of the plan: what is there of its output, and what its manifest says. */
export interface StageReport {
  id: string;
  outputDir: string;
  /** `unfinished`: no output, but a training log; `outdated` and `damaged` as in `status`. */
  state: 'absent' | 'unfinished' | 'whole' | 'outdated' | 'damaged';
  reason?: string;
  /** Of the output that is there. */
  made?: StageRecord;
}

/** What the report takes from a manifest. */
interface StageRecord {
  started: string;
  finished: string;
  seconds: number;
  /** GPUs × hours; absent where no GPU trained. */
  gpuHours?: number;
  files: number;
  bytes: number;
  fingerprint: string;
  digest: string;
  inputs: InputOrigin[];
  versions: Record<string, string>;
  gitCommit: string | null;
  hardware: Json;
  metrics: Json;
  /** What the stage warned of, each text once. */
  warnings: string[];
  /** How many more there were, which were only shown while it ran. */
  warningsLeftOut: number;
}

/** Sums over the outputs that are there. */
interface Totals {
  stages: number;
  /** Stages whose outputs are whole. */
  whole: number;
  seconds: number;
  gpuHours?: number;
  bytes: number;
  /** Tokens that were trained on. */
  tokens: number;
  /** Of the earliest start and the last end, ISO 8601. */
  started?: string;
  finished?: string;
}

/**
 * The report of a run, from the manifests of its outputs and the training logs beside them. The costs that were planned
 * are estimated with the GPU that the manifests name.
 *
 * @param made when the report is made
 */
export async function runReport(
  planned: { recipe: Recipe; plan: Plan },
  { signal, made = new Date() }: { signal?: AbortSignal; made?: Date } = {},
): Promise<RunReport> {
  const { plan } = planned;
  const manifests = new Map<string, Manifest>();
  const curves = new Map<string, LossCurve>();
  for (const { id, stage, outputDir } of plan.stages) {
    const manifest = await readManifest(outputDir);
    if (manifest) manifests.set(id, manifest);
    const curve = stage === 'sft-train' ? await curveOf(outputDir) : undefined;
    if (curve) curves.set(id, curve);
  }
  const states = await planStates(planned);
  const stages = states.map(({ id, outputDir, state, reason }): StageReport => {
    const manifest = manifests.get(id);
    return {
      id,
      outputDir,
      state: state === 'absent' && curves.has(id) ? 'unfinished' : state,
      ...(reason !== undefined && { reason }),
      ...(manifest && { made: stageRecord(manifest, originsOf(manifest, plan, manifests)) }),
    };
  });
  const cost = await plannedCost(planned, manifests, signal);
  const experts = expertReports(plan, manifests, curves, cost);
  const merge = manifests.get('model-merge')?.metrics as MergeMetrics | undefined;
  const missing = missingOf(stages, experts);
  return {
    report_version: 1,
    recipe: plan.recipe,
    artifactsDir: plan.artifactsDir,
    made: made.toISOString(),
    complete: missing.length === 0,
    missing,
    totals: totalsOf(stages, experts),
    stages,
    experts,
    datasets: dataReports(plan, manifests),
    ...(merge?.method && merge.models && { merge }),
    planned: cost,
  };
}

/** A log that can't be read, such as one that is just being written, is as good as none. */
function curveOf(outputDir: string): Promise<LossCurve | undefined> {
  return readLossCurve(trainingLogFile(outputDir)).catch(() => undefined);
}

function stageRecord(manifest: Manifest, inputs: InputOrigin[]): StageRecord {
  const { outputs, timings, fingerprint, digest, versions, hardware, metrics } = manifest;
  const gpuHours = gpuHoursOf(manifest);
  return {
    ...timings,
    ...(gpuHours !== undefined && { gpuHours }),
    files: outputs.length,
    bytes: sum(outputs.map(({ size }) => size)),
    fingerprint,
    digest,
    inputs,
    versions,
    gitCommit: manifest.git_commit,
    hardware,
    metrics,
    warnings: manifest.warnings ?? [],
    warningsLeftOut: manifest.warnings_left_out ?? 0,
  };
}

function dataReports(plan: Plan, manifests: ReadonlyMap<string, Manifest>): Record<string, DataReport> {
  return Object.fromEntries(
    plan.datasets.flatMap((name) => {
      const metrics = manifests.get(`prepare-dataset/${name}`)?.metrics as
        | { report?: DataReport }
        | undefined;
      return metrics?.report ? [[name, metrics.report]] : [];
    }),
  );
}

function totalsOf(stages: readonly StageReport[], experts: readonly ExpertReport[]): Totals {
  const made = stages.flatMap((stage) => stage.made ?? []);
  const gpuHours = made.flatMap((record) => record.gpuHours ?? []);
  const started = made.map((record) => record.started).sort();
  const finished = made.map((record) => record.finished).sort();
  return {
    stages: stages.length,
    whole: stages.filter(({ state }) => state === 'whole').length,
    seconds: sum(made.map((record) => record.seconds)),
    ...(gpuHours.length > 0 && { gpuHours: sum(gpuHours) }),
    bytes: sum(made.map((record) => record.bytes)),
    tokens: sum(experts.map(({ actual }) => actual?.tokens ?? 0)),
    ...(started[0] !== undefined && { started: started[0] }),
    ...(finished.length > 0 && { finished: finished.at(-1) as string }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
