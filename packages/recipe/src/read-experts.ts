import path from 'node:path';
import { isThere } from '@prometheus-actions/stage';
import { checkArchitecture } from './check-architecture.ts';
import { checkExpert } from './check-expert.ts';
import { type Diagnostic, didYouMean } from './diagnostics.ts';
import type { Launch } from './launch.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import type { BaseModel } from './read-base-model.ts';
import type { RecipeParts } from './readable-parts.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import type { DatasetSection } from './recipe-schema.ts';
import { checkTraining, type TrainingSection } from './training-schema.ts';
import { type Finding, missingFile, readYamlFile, type YamlFile } from './yaml-file.ts';

/** One expert, with gradient accumulation derived from the global batch. */
export interface Expert {
  name: string;
  dataset: string;
  training: TrainingSection;
  /** Where its training arguments stand, for findings that need more than the recipe's own files. */
  yaml: YamlFile;
}

/** What the other sections of the recipe say, as far as they could be read. */
interface RestOfRecipe {
  baseModel: BaseModel | undefined;
  datasets: Record<string, DatasetSection | undefined> | undefined;
  launch: Launch | undefined;
  /** Undefined where they are not known: then the batch is not checked against them. */
  processes: number | undefined;
  /** Of the base model; absent where it is not known. */
  architecture: ArchitectureReading | undefined;
}

/** Reads the section `experts` of a recipe and the training files that it names; an expert with errors is undefined. */
export function readExperts(
  { experts = {}, dataset: datasetFile }: Pick<RecipeParts, 'experts' | 'dataset'>,
  rest: RestOfRecipe,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): (Expert | undefined)[] {
  const folder = path.dirname(yaml.file);
  if ('base' in experts) {
    const message = 'an expert named base: in a merge configuration ${base} is the base model';
    diagnostics.push(yaml.diagnose({ path: ['experts', 'base'], key: true }, { code: 'bad-value', message }));
  }
  const seen = new Map<string, string>();
  return Object.entries(experts).map(([name, { dataset, sft }]) => {
    const diagnose = (key: string, finding: Finding) =>
      yaml.diagnose({ path: ['experts', name, key] }, finding);
    if (rest.datasets && dataset !== undefined && !Object.hasOwn(rest.datasets, dataset)) {
      const known = Object.keys(rest.datasets);
      const message = `${datasetFile} has no dataset ${dataset}`;
      const hint = didYouMean(dataset, known) ?? `It has: ${known.join(', ')}.`;
      diagnostics.push(diagnose('dataset', { code: 'unknown-name', message, hint }));
    }
    if (sft === undefined) return undefined;
    const file = resolveInRecipe(
      sft,
      { root: folder, from: folder },
      (finding) => diagnose('sft', finding),
      diagnostics,
    );
    const twin = seen.get(`${dataset}\n${file}`);
    if (twin !== undefined && dataset !== undefined) {
      const message = `${name} is trained as ${twin} is: the same data, the same arguments`;
      const hint = 'Both become the same model. Which dataset is meant?';
      diagnostics.push(diagnose('dataset', { code: 'same-expert-twice', message, hint }));
    }
    seen.set(`${dataset}\n${file}`, name);
    const read = readTrainingFile(file, diagnostics, (finding) => diagnose('sft', finding));
    if (!read) return undefined;
    const isKnown = dataset !== undefined && Object.hasOwn(rest.datasets ?? {}, dataset);
    const found = isKnown ? rest.datasets?.[dataset] : undefined;
    checkExpert(read, { launch: rest.launch, dataset: found }, diagnostics);
    checkModelName(read, rest.baseModel, diagnostics);
    const expert = { name, dataset: dataset ?? '?', training: read.section, yaml: read.yaml };
    if (rest.architecture) checkArchitecture(expert, rest.architecture, rest.launch, diagnostics);
    return rest.processes === undefined ? expert : deriveAccumulation(expert, rest.processes, diagnostics);
  });
}

/** Reads one file of training arguments; `report` makes the finding when it isn't there. */
export function readTrainingFile(
  file: string,
  diagnostics: Diagnostic[],
  report: (finding: Finding) => Diagnostic,
): { section: TrainingSection; yaml: YamlFile } | undefined {
  if (!isThere(file)) {
    diagnostics.push(report(missingFile(path.basename(file), file)));
    return undefined;
  }
  const yaml = readYamlFile(file, diagnostics);
  const section = yaml && checkTraining(yaml, diagnostics);
  return yaml && section && { section, yaml };
}

/**
 * Gradient accumulation = global batch / (batch per device × processes); it must be a whole number.
 *
 * Recipes for TRL state the accumulation instead, and the global batch then depends on the processes.
 */
export function deriveAccumulation(expert: Expert, processes: number, diagnostics: Diagnostic[]): Expert {
  const { training, yaml } = expert;
  const report = (key: string, finding: Finding, atKey = false) =>
    diagnostics.push(yaml.diagnose({ path: [key], key: atKey }, finding));
  const perDevice = Number(training.arguments.per_device_train_batch_size ?? 8);
  const inStep = perDevice * processes;
  const { accumulationSteps } = training;
  const globalBatch = training.globalBatchSize ?? inStep * (accumulationSteps ?? 1);
  const steps = globalBatch / inStep;
  if (!Number.isInteger(steps)) {
    const message = `global_batch_size ${globalBatch} is not a multiple of ${perDevice} examples × ${processes} processes = ${inStep}`;
    const hint =
      'Change global_batch_size, per_device_train_batch_size, or the processes in recipe.yaml (--processes).';
    report('global_batch_size', { code: 'indivisible-batch', message, hint });
  } else if (accumulationSteps !== undefined) {
    const key = 'gradient_accumulation_steps';
    const product = `${accumulationSteps} × ${perDevice} examples × ${processes} processes = ${inStep * accumulationSteps}`;
    if (training.globalBatchSize === undefined) {
      const message = `${key} is called global_batch_size: ${globalBatch} here: ${product}`;
      report(
        key,
        { code: 'renamed-key', message, fix: { key: 'global_batch_size', value: globalBatch } },
        true,
      );
    } else if (steps === accumulationSteps) {
      report(key, { code: 'decided-elsewhere', message: `${key} follows from global_batch_size` }, true);
    } else {
      const message = `${key} says ${product}, and global_batch_size ${globalBatch}`;
      report(key, { code: 'conflicting-keys', message, hint: 'Keep global_batch_size.' }, true);
    }
  }
  const trainerArguments = { ...training.arguments, gradient_accumulation_steps: steps };
  return { ...expert, training: { ...training, arguments: trainerArguments } };
}

/** In a recipe the model is `base_model`; a training file that names the same one says nothing new. */
function checkModelName(
  { section, yaml }: { section: TrainingSection; yaml: YamlFile },
  baseModel: BaseModel | undefined,
  diagnostics: Diagnostic[],
): void {
  for (const key of ['model_name_or_path', 'model_revision']) {
    if (!Object.hasOwn(yaml.data as object, key)) continue;
    const { name } = section.model ?? {};
    const differs = key === 'model_name_or_path' && baseModel?.kind === 'hub' && name !== baseModel.id;
    diagnostics.push(
      yaml.diagnose(
        { path: [key], key: true },
        differs
          ? {
              code: 'conflicting-keys',
              message: `${key} is ${name}, and base_model of recipe.yaml is ${baseModel.id}`,
              hint: 'The model is base_model of recipe.yaml.',
            }
          : {
              code: 'decided-elsewhere',
              message: `${key} is not read here`,
              hint: 'The model is base_model of recipe.yaml.',
            },
      ),
    );
  }
}
