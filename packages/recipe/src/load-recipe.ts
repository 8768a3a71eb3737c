import { statSync } from 'node:fs';
import path from 'node:path';
import { architectureOf } from './base-model-architecture.ts';
import { checkSchema } from './check-schema.ts';
import { type Diagnostic, inSourceOrder, RecipeError } from './diagnostics.ts';
import { type Launch, readLaunch } from './launch.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { type BaseModel, readBaseModel } from './read-base-model.ts';
import { type Expert, readExperts } from './read-experts.ts';
import { type Merge, readMerge } from './read-merge.ts';
import { readReferenced } from './read-referenced.ts';
import { type DatasetSection, datasetFileSchema, recipeSchema } from './recipe-schema.ts';
import { resolveDatasets } from './resolve-datasets.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

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
  /** Of a base model on the hub that is not known here, where somebody has fetched its config. */
  architecture?: ArchitectureReading | undefined;
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
  const baseModel = readBaseModel(top.base_model, yaml, diagnostics);
  const processes = options.processes ?? top.launch.processes;
  const launch = readLaunch({ ...top.launch, processes }, yaml, diagnostics);
  const datasets = readDatasets(top, yaml, diagnostics);
  const architecture = options.architecture ?? (baseModel && architectureOf(baseModel));
  if (architecture && 'problem' in architecture) {
    const message = `LoRA targets and lengths are not checked: ${architecture.problem}`;
    diagnostics.push(yaml.diagnose({ path: ['base_model'] }, { code: 'unknown-architecture', message }));
  }
  const rest = { baseModel, datasets, launch, processes, architecture };
  const experts = readExperts(top, rest, yaml, diagnostics);
  const merge = readMerge(top.merge, experts, Object.keys(top.experts), architecture, yaml, diagnostics);
  const isWhole = <Value>(value: Value | undefined): value is Value => value !== undefined;
  if (!baseModel || !launch || !datasets || !merge) return undefined;
  if (!Object.values(datasets).every(isWhole) || !experts.every(isWhole)) return undefined;
  return {
    name: top.name,
    folder: path.dirname(file),
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

/** Reads the dataset file that a recipe names, and says which of its datasets no expert is trained on. */
function readDatasets(
  { dataset, experts }: { dataset: string; experts: Record<string, { dataset: string }> },
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Record<string, DatasetSection | undefined> | undefined {
  let datasets: Record<string, DatasetSection | undefined> | undefined;
  const used = Object.values(experts).map((expert) => expert.dataset);
  readReferenced(yaml, ['dataset'], dataset, datasetFileSchema, diagnostics, (file, sections) => {
    datasets = resolveDatasets(sections, file, path.dirname(yaml.file), diagnostics);
    // A name that is misspelt is said where it stands.
    if (!used.every((name) => Object.hasOwn(sections, name))) return;
    for (const name of Object.keys(sections).filter((candidate) => !used.includes(candidate))) {
      const message = `no expert is trained on ${name}: it is not prepared`;
      diagnostics.push(file.diagnose({ path: [name], key: true }, { code: 'unused-name', message }));
    }
  });
  return datasets;
}
