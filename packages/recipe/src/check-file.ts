import { randomUUID } from 'node:crypto';
import { realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readFile } from '@prometheus-actions/stage';
import { checkExpert } from './check-expert.ts';
import { checkMerge } from './check-merge.ts';
import { checkSchema } from './check-schema.ts';
import { type Diagnostic, inSourceOrder } from './diagnostics.ts';
import { readLaunchConfig } from './launch.ts';
import { type Recipe, type RecipeOptions, readRecipe } from './load-recipe.ts';
import { architectureAtHand } from './merge-architecture.ts';
import { mergeSchema } from './merge-schema.ts';
import { readableDatasets } from './readable-parts.ts';
import { datasetFileSchema } from './recipe-schema.ts';
import { resolveDatasets } from './resolve-datasets.ts';
import { applyEdits } from './text-edits.ts';
import { checkTraining } from './training-schema.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

export type FileKind = 'recipe' | 'dataset' | 'training' | 'merge' | 'launch';

/**
 * Checks a recipe, or one file by itself, such as the training arguments of a recipe for TRL or alignment-handbook.
 *
 * @param location a recipe's folder, its `recipe.yaml`, or another file of one
 * @returns all findings in source order, and the recipe where it is one without errors
 */
export function checkLocation(
  location: string,
  options: RecipeOptions = {},
): { kind: FileKind; recipe: Recipe | undefined; diagnostics: Diagnostic[] } {
  const kind = kindOf(location);
  if (kind === 'recipe') return { kind, ...readRecipe(location, options) };
  const diagnostics: Diagnostic[] = [];
  const file = path.resolve(location);
  if (kind === 'launch') readLaunchConfig(file, path.dirname(file), 1, diagnostics);
  else {
    const yaml = readYamlFile(file, diagnostics);
    if (yaml) checkAlone(kind, yaml, diagnostics);
  }
  return { kind, recipe: undefined, diagnostics: inSourceOrder(diagnostics) };
}

/**
 * Makes the edits that findings bring with them; comments and the order of keys stay.
 *
 * @returns the files that were changed
 */
export function fixFiles(diagnostics: readonly Diagnostic[]): string[] {
  const files = [...new Set(diagnostics.filter(({ fix }) => fix).map(({ file }) => file))];
  for (const file of files) {
    const edits = diagnostics.flatMap((finding) => (finding.file === file ? (finding.fix ?? []) : []));
    replaceText(file, applyEdits(readFile(file).toString(), edits));
  }
  return files;
}

/** Through a new file, so that the old text or the new one is there, never a part of either. */
function replaceText(file: string, text: string): void {
  const target = realpathSync(file);
  const next = path.join(path.dirname(target), `.${path.basename(target)}.${randomUUID()}.fixed`);
  writeFileSync(next, text, { mode: statSync(target).mode, flag: 'wx' });
  renameSync(next, target);
}

/** What a file is, by the keys that only such a file has. */
function kindOf(location: string): FileKind {
  const file = path.resolve(location);
  if (path.basename(file) === 'recipe.yaml' || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    return 'recipe';
  }
  const data = readYamlFile(file, [], { partly: true })?.data;
  if (data === null || typeof data !== 'object') return 'training';
  const has = (key: string) => Object.hasOwn(data, key);
  if (has('experts') || has('launch')) return 'recipe';
  if (has('merge_method') || has('slices')) return 'merge';
  if (has('distributed_type') || has('compute_environment')) return 'launch';
  const values = Object.values(data);
  const isDataset = (value: unknown) => value !== null && typeof value === 'object' && 'source' in value;
  return values.length > 0 && values.some(isDataset) ? 'dataset' : 'training';
}

function checkAlone(kind: 'dataset' | 'training' | 'merge', yaml: YamlFile, diagnostics: Diagnostic[]): void {
  if (kind === 'training') {
    const section = checkTraining(yaml, diagnostics);
    if (section) checkExpert({ section, yaml }, { launch: undefined, dataset: undefined }, diagnostics);
  } else if (kind === 'merge') {
    diagnostics.push(...yaml.otherReadings());
    const section = checkSchema(mergeSchema, yaml, diagnostics);
    if (section) {
      const architecture = architectureAtHand(section, path.dirname(yaml.file));
      checkMerge(section, yaml, diagnostics, { architecture });
    }
  } else {
    const sections = checkSchema(datasetFileSchema, yaml, diagnostics) ?? readableDatasets(yaml.data);
    if (sections) resolveDatasets(sections, yaml, path.dirname(yaml.file), diagnostics);
  }
}
