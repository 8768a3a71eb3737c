import type { Diagnostic } from './diagnostics.ts';
import type { Launch } from './launch.ts';
import { checkMasterWeights } from './master-weights.ts';
import type { DatasetSection } from './recipe-schema.ts';
import type { TrainingSection } from './training-schema.ts';
import type { Finding, YamlFile } from './yaml-file.ts';

/** What an expert is trained with, as far as it is known. */
export interface Surroundings {
  launch: Launch | undefined;
  dataset: DatasetSection | undefined;
}

/** Checks a training file against the launch config and the dataset that go with it. */
export function checkExpert(
  { section, yaml }: { section: TrainingSection; yaml: YamlFile },
  { launch, dataset }: Surroundings,
  diagnostics: Diagnostic[],
): void {
  const report = (key: string, finding: Finding) => diagnostics.push(yaml.diagnose({ path: [key] }, finding));
  checkMasterWeights(section, launch, report);
  const evaluation = section.arguments.eval_strategy;
  if (dataset?.split === 'none' && evaluation !== undefined && evaluation !== 'no') {
    const message = `eval_strategy: ${String(evaluation)}, and the dataset has split: none: nothing is evaluated`;
    report('eval_strategy', {
      code: 'no-test-rows',
      message,
      hint: 'Give the dataset a split, or write eval_strategy: no.',
    });
  }
}
