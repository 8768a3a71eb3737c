import type { ExpertReport } from './expert-reports.ts';
import type { StageReport } from './run-report.ts';

/** What a run lacks, a sentence each, in the plan's order; empty for one that is complete. */
export function missingOf(stages: readonly StageReport[], experts: readonly ExpertReport[]): string[] {
  return stages.flatMap((stage) => stateOf(stage, experts) ?? brokenLinks(stage));
}

function stateOf({ id, outputDir, state, reason }: StageReport, experts: readonly ExpertReport[]) {
  switch (state) {
    case 'absent':
      return `${id} is not there. If it has run, ${outputDir}.log says how far it came.`;
    case 'unfinished':
      return `${id} has not finished: ${reached(experts, id)}. Started again, the run goes on from its last checkpoint.`;
    case 'outdated':
      return `${id} is not what the recipe says now: ${reason}. Run it again.`;
    case 'damaged':
      return `${id} is damaged: ${reason}. Run it again.`;
    case 'whole':
      return undefined;
  }
}

function reached(experts: readonly ExpertReport[], id: string): string {
  const expert = experts.find(({ name }) => id === `sft-train/${name}`);
  const steps = expert?.planned?.steps;
  return `its log ends at step ${expert?.curve?.train.at(-1)?.step}${steps === undefined ? '' : ` of ${steps}`}`;
}

function brokenLinks({ id, made }: StageReport): string[] {
  const others = made?.inputs.filter(({ same }) => same === false) ?? [];
  return others.map(
    ({ name, stage }) =>
      `${id} was made from another output of ${stage} than is there now (its input ${name}). Run it again.`,
  );
}
