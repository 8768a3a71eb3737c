import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { checkSchema } from './check-schema.ts';
import { type Diagnostic, didYouMean, inSourceOrder, RecipeError } from './diagnostics.ts';
import { checkTrainingUnder, type Launch, readLaunch } from './launch.ts';
import { type Merge, readMerge } from './read-merge.ts';
import { readReferenced } from './read-referenced.ts';
import { type DatasetSection, datasetFileSchema, recipeSchema } from './recipe-schema.ts';
import { resolveDatasets } from './resolve-datasets.ts';
import { checkTraining, type TrainingSection } from './training-schema.ts';
import { missingFile, readYamlFile, type YamlFile } from './yaml-file.ts';

export type BaseModel =
  | { kind: 'hub'; id: string; revision: string }
  | { kind: 'path'; path: string }
  | { kind: 'random'; configFile: string; seed: number; dtype: string; tokenizer: string };

/** One expert, with gradient accumulation derived from the global batch. */
export interface Expert {
  name: string;
  dataset: string;
  training: TrainingSection;
}

/** A recipe whose files are all read and checked; all paths are absolute. */
export interface Recipe {
  name: string;
  folder: string;
  baseModel: BaseModel;
  datasets: Record<string, DatasetSection>;
  experts: Expert[];
  launch: Launch;
  merge: Merge;
}

export interface RecipeOptions {
  /** Training processes, instead of those of the recipe. */
  processes?: number | undefined;
}

/**
 * Reads and checks all files of a recipe.
 *
 * @param location its folder, or its `recipe.yaml`
 * @returns the recipe, absent when there are errors, and all findings in source order
 */
export function readRecipe(
  location: string,
  options: RecipeOptions = {},
): { recipe: Recipe | undefined; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const recipe = read(location, options, diagnostics);
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return { recipe: failed ? undefined : recipe, diagnostics: inSourceOrder(diagnostics) };
}

/**
 * Reads a recipe to be run.
 *
 * @throws RecipeError with everything that is wrong
 */
export function loadRecipe(
  location: string,
  options: RecipeOptions = {},
): { recipe: Recipe; diagnostics: Diagnostic[] } {
  const { recipe, diagnostics } = readRecipe(location, options);
  if (!recipe) throw new RecipeError(diagnostics);
  return { recipe, diagnostics };
}

function read(location: string, options: RecipeOptions, diagnostics: Diagnostic[]): Recipe | undefined {
  const file = recipeFile(location);
  const yaml = readYamlFile(file, diagnostics);
  const top = yaml && checkSchema(recipeSchema, yaml, diagnostics);
  if (!yaml || !top) return undefined;
  const folder = path.dirname(file);
  const inFolder = (name: string) => path.resolve(folder, name);

  const baseModel = checkBaseModel(top.base_model, yaml, folder, diagnostics);
  const processes = options.processes ?? top.launch.processes;
  const launch = readLaunch({ ...top.launch, processes }, yaml, diagnostics);
  let datasets: Record<string, DatasetSection | undefined> | undefined;
  readReferenced(
    yaml,
    ['dataset'],
    inFolder(top.dataset),
    datasetFileSchema,
    diagnostics,
    (file, sections) => {
      datasets = resolveDatasets(sections, file, diagnostics);
    },
  );
  if ('base' in top.experts) {
    const message = 'an expert named base: in a merge configuration ${base} is the base model';
    diagnostics.push(yaml.diagnose({ path: ['experts', 'base'], key: true }, { code: 'bad-value', message }));
  }
  const experts = Object.entries(top.experts).map(([name, { dataset, sft }]): Expert | undefined => {
    if (datasets && !(dataset in datasets)) {
      const message = `${top.dataset} has no dataset ${dataset}`;
      const hint =
        didYouMean(dataset, Object.keys(datasets)) ?? `It has: ${Object.keys(datasets).join(', ')}.`;
      diagnostics.push(
        yaml.diagnose({ path: ['experts', name, 'dataset'] }, { code: 'unknown-name', message, hint }),
      );
    }
    const sftFile = inFolder(sft);
    const training = readTrainingFile(sftFile, diagnostics, (finding) =>
      yaml.diagnose({ path: ['experts', name, 'sft'] }, finding),
    );
    if (training && launch) checkTrainingUnder(launch, training, diagnostics);
    return (
      training &&
      deriveAccumulation({ name, dataset, training: training.section }, processes, training.yaml, diagnostics)
    );
  });
  const merge = readMerge(top.merge, Object.keys(top.experts), yaml, diagnostics);
  const isWhole = <Value>(value: Value | undefined): value is Value => value !== undefined;
  if (
    !baseModel ||
    !launch ||
    !datasets ||
    !Object.values(datasets).every(isWhole) ||
    !merge ||
    !experts.every(isWhole)
  ) {
    return undefined;
  }
  return {
    name: top.name,
    folder,
    baseModel,
    datasets: datasets as Record<string, DatasetSection>,
    experts,
    launch,
    merge,
  };
}

/** The `recipe.yaml` of a folder; a file as it is. */
export function recipeFile(location: string): string {
  const absolute = path.resolve(location);
  const isFolder = statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? !/\.ya?ml$/.test(absolute);
  return isFolder ? path.join(absolute, 'recipe.yaml') : absolute;
}

/** Reads one file of training arguments; `report` makes the finding when it isn't there. */
export function readTrainingFile(
  file: string,
  diagnostics: Diagnostic[],
  report: (finding: { code: string; message: string }) => Diagnostic,
): { section: TrainingSection; yaml: YamlFile } | undefined {
  if (!existsSync(file)) {
    diagnostics.push(report(missingFile(file)));
    return undefined;
  }
  const yaml = readYamlFile(file, diagnostics);
  const section = yaml && checkTraining(yaml, diagnostics);
  return yaml && section && { section, yaml };
}

/** Gradient accumulation = global batch / (batch per device × processes); it must be a whole number. */
export function deriveAccumulation(
  expert: Expert,
  processes: number,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Expert {
  const perDevice = Number(expert.training.arguments.per_device_train_batch_size ?? 8);
  const globalBatch = expert.training.globalBatchSize ?? perDevice * processes;
  const steps = globalBatch / (perDevice * processes);
  if (!Number.isInteger(steps)) {
    diagnostics.push(
      yaml.diagnose(
        { path: ['global_batch_size'] },
        {
          code: 'indivisible-batch',
          message: `global_batch_size ${globalBatch} is not a multiple of ${perDevice} examples × ${processes} processes = ${perDevice * processes}`,
          hint: 'Change global_batch_size, per_device_train_batch_size, or the processes in recipe.yaml (--processes).',
        },
      ),
    );
  }
  const trainerArguments = { ...expert.training.arguments, gradient_accumulation_steps: steps };
  return { ...expert, training: { ...expert.training, arguments: trainerArguments } };
}

function checkBaseModel(
  section: z.output<typeof recipeSchema>['base_model'],
  yaml: YamlFile,
  folder: string,
  diagnostics: Diagnostic[],
): BaseModel | undefined {
  const { id, path: modelPath, random } = section;
  const fail = (code: string, message: string, at: string[] = []) => {
    diagnostics.push(yaml.diagnose({ path: ['base_model', ...at] }, { code, message }));
    return undefined;
  };
  if ([id, modelPath, random].filter((kind) => kind !== undefined).length !== 1) {
    return fail('bad-value', 'base_model needs exactly one of id, path and random');
  }
  if (id !== undefined) {
    if (section.revision === undefined)
      return fail('missing-key', 'base_model.revision is missing: the commit of the repository');
    if (!/^[0-9a-f]{40}$/.test(section.revision)) {
      const message = `${section.revision} is not a commit: another run may get another model`;
      const finding = { severity: 'warning', code: 'unpinned-revision', message } as const;
      diagnostics.push(yaml.diagnose({ path: ['base_model', 'revision'] }, finding));
    }
    return { kind: 'hub', id, revision: section.revision };
  }
  if (modelPath !== undefined) {
    const absolute = path.resolve(folder, modelPath);
    if (!existsSync(path.join(absolute, 'config.json'))) {
      return fail('missing-file', `${absolute} is not a model folder: it has no config.json`, ['path']);
    }
    return { kind: 'path', path: absolute };
  }
  const configFile = path.resolve(folder, random ?? '');
  if (!existsSync(configFile)) return fail('missing-file', `there is no file ${configFile}`, ['random']);
  return {
    kind: 'random',
    configFile,
    seed: section.seed ?? 0,
    dtype: section.dtype ?? 'float32',
    tokenizer: section.tokenizer ?? 'mistral-v1',
  };
}
