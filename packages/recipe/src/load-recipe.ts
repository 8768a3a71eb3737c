import path from 'node:path';
import { isThere, statFile } from '@prometheus-actions/stage';
import { architectureOf } from './base-model-architecture.ts';
import { checkSchema } from './check-schema.ts';
import { type Diagnostic, inSourceOrder, RecipeError } from './diagnostics.ts';
import { type Launch, readLaunch } from './launch.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { type BaseModel, readBaseModel } from './read-base-model.ts';
import { type Expert, readExperts } from './read-experts.ts';
import { type Merge, readMerge } from './read-merge.ts';
import { readReferenced } from './read-referenced.ts';
import { type RecipeParts, readableDatasets, readableParts } from './readable-parts.ts';
import { type DatasetSection, datasetFileSchema, type RecipeSection, recipeSchema } from './recipe-schema.ts';
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
  const yaml = readYamlFile(recipeFile(location), diagnostics, { partly: true });
  if (!yaml) return undefined;
  if (!yaml.isBroken) {
    const whole = checkSchema(recipeSchema, yaml, diagnostics);
    return readParts(whole, yaml, options, diagnostics);
  }
  const found: Diagnostic[] = [];
  readParts(undefined, yaml, options, found);
  diagnostics.push(...found.filter((finding) => !restsOn(yaml, finding)));
  return undefined;
}

/** Whether a finding may come from what is wrong with a recipe's syntax: one in itself, or of names that it may have. */
function restsOn({ file }: YamlFile, finding: Diagnostic): boolean {
  return finding.file === file || finding.code === 'unknown-name' || finding.code === 'unused-name';
}

function readParts(
  whole: RecipeSection | undefined,
  yaml: YamlFile,
  options: RecipeOptions,
  diagnostics: Diagnostic[],
): Recipe | undefined {
  const parts: RecipeParts = whole
    ? { ...whole, processes: whole.launch.processes }
    : readableParts(yaml.data);
  const baseModel = parts.base_model && readBaseModel(parts.base_model, yaml, diagnostics);
  const processes = options.processes ?? parts.processes;
  const launch =
    parts.launch &&
    readLaunch({ ...parts.launch, processes: processes ?? parts.launch.processes }, yaml, diagnostics);
  const datasets = readDatasets(parts, yaml, diagnostics);
  const architecture = options.architecture ?? (baseModel && architectureOf(baseModel));
  if (architecture && 'problem' in architecture) {
    const message = `LoRA targets, lengths, and filters and layers of the merge are not checked: ${architecture.problem}`;
    diagnostics.push(yaml.diagnose({ path: ['base_model'] }, { code: 'unknown-architecture', message }));
  }
  const rest = { baseModel, datasets, launch, processes, architecture };
  const experts = readExperts(parts, rest, yaml, diagnostics);
  const expertNames = parts.experts && Object.keys(parts.experts);
  const merge = parts.merge && readMerge(parts.merge, experts, expertNames, architecture, yaml, diagnostics);
  const isWhole = <Value>(value: Value | undefined): value is Value => value !== undefined;
  if (!whole || !baseModel || !launch || !datasets || !merge) return undefined;
  if (!Object.values(datasets).every(isWhole) || !experts.every(isWhole)) return undefined;
  return {
    name: whole.name,
    folder: path.dirname(yaml.file),
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
  const isFolder =
    (isThere(absolute) ? statFile(absolute) : undefined)?.isDirectory() ?? !/\.ya?ml$/.test(absolute);
  return isFolder ? path.join(absolute, 'recipe.yaml') : absolute;
}

/** Reads the dataset file that a recipe names, and says which of its datasets no expert is trained on. */
function readDatasets(
  { dataset, experts }: RecipeParts,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Record<string, DatasetSection | undefined> | undefined {
  if (dataset === undefined) return undefined;
  const file = readReferenced(yaml, ['dataset'], dataset, diagnostics);
  if (!file) return undefined;
  const sections = checkSchema(datasetFileSchema, file, diagnostics) ?? readableDatasets(file.data);
  if (!sections) return undefined;
  const datasets = resolveDatasets(sections, file, path.dirname(yaml.file), diagnostics);
  const used = experts && Object.values(experts).map((expert) => expert.dataset);
  // A name that is misspelt is said where it stands.
  if (!used?.every((name) => name !== undefined && Object.hasOwn(sections, name))) return datasets;
  for (const name of Object.keys(sections).filter((candidate) => !used.includes(candidate))) {
    const message = `no expert is trained on ${name}: it is not prepared`;
    diagnostics.push(file.diagnose({ path: [name], key: true }, { code: 'unused-name', message }));
  }
  return datasets;
}
