import path from 'node:path';
import type { Diagnostic } from './diagnostics.ts';
import { launchConfigFile } from './launch.ts';
import { recipeFile } from './load-recipe.ts';
import { mapMergekitModels, modelName } from './mergekit-models.ts';
import { recipeAsMeant } from './readable-parts.ts';
import { type Finding, parseYaml, severityOf, type YamlFile } from './yaml-file.ts';

/** A file that belongs to a recipe, whether it is there or not. */
export interface RecipeFile {
  /** Absolute; of data it may be a folder or a pattern. */
  path: string;
  /**
   * `settings` are read and checked, `launch` are settings that other recipes have, too; `model` and `data` are files
   * whose contents count only when a stage reads them.
   */
  kind: 'settings' | 'launch' | 'model' | 'data';
  /** A finding where the file is named; in itself, for the recipe's first file. */
  report: (finding: Finding) => Diagnostic;
}

/**
 * The files that a recipe is made of, as far as they can be found out: also of a recipe with mistakes, in which what is
 * not understood names no file.
 *
 * @param location its folder, or its `recipe.yaml`
 * @param readText the text of a file; undefined where there is none, or none that may be read
 */
export function recipeFiles(
  location: string,
  readText: (file: RecipeFile) => string | undefined,
): RecipeFile[] {
  const file = recipeFile(location);
  const start = { file, line: 1, column: 1 };
  const first: RecipeFile = {
    path: file,
    kind: 'settings',
    report: (finding) => ({ ...finding, severity: severityOf(finding), fix: undefined, ...start }),
  };
  const read = (from: RecipeFile): YamlFile | undefined => {
    const text = readText(from);
    return text === undefined ? undefined : parseYaml(from.path, text, [], { partly: from === first });
  };
  const yaml = read(first);
  if (!yaml) return [first];
  const recipe = recipeAsMeant(yaml.data);
  const named = (at: string[], kind: RecipeFile['kind']) => filesAt(yaml, recipe, at, kind);
  const settings = [
    ...named(['dataset'], 'settings'),
    ...Object.keys(record(recipe.experts)).flatMap((expert) => named(['experts', expert, 'sft'], 'settings')),
    ...named(['merge'], 'settings'),
    ...named(['merge', 'config'], 'settings'),
    ...named(['launch', 'config'], 'launch'),
  ];
  const models = [...named(['base_model', 'path'], 'model'), ...named(['base_model', 'random'], 'model')];
  const [datasetFile] = named(['dataset'], 'settings');
  const datasets = datasetFile && read(datasetFile);
  const data = Object.keys(record(datasets?.data)).flatMap((name) => dataFiles(datasets, name));
  const merged = [...named(['merge'], 'settings'), ...named(['merge', 'config'], 'settings')].flatMap(
    (file) => mergedModels(read(file)),
  );
  return [first, ...settings, ...models, ...data, ...merged];
}

/** Folders of models that a merge configuration names, and of adapters on them; what is none leads nowhere. */
function mergedModels(yaml: YamlFile | undefined): RecipeFile[] {
  if (!yaml) return [];
  const files: RecipeFile[] = [];
  mapMergekitModels(yaml.data, (value, at) => {
    const name = modelName(value);
    const texts =
      'problem' in name ? [] : [name.model, name.lora ?? ''].flatMap((text) => [text, ...text.split('+')]);
    for (const text of new Set(texts)) {
      if (text === '' || text.includes('${')) continue;
      const file = path.resolve(path.dirname(yaml.file), text);
      files.push({ path: file, kind: 'model', report: (finding) => yaml.diagnose({ path: at }, finding) });
    }
    return undefined;
  });
  return files;
}

function dataFiles(datasets: YamlFile | undefined, name: string): RecipeFile[] {
  if (!datasets) return [];
  const source = valueAt(datasets.data, [name, 'source']);
  const places = Array.isArray(source) ? source.map((_, index) => [String(index)]) : [[]];
  return places.flatMap((at) => filesAt(datasets, datasets.data, [name, 'source', ...at, 'files'], 'data'));
}

/** The path, or the list of paths, at a place of a file's data. */
function filesAt(yaml: YamlFile, data: unknown, at: string[], kind: RecipeFile['kind']): RecipeFile[] {
  const folder = path.dirname(yaml.file);
  return [valueAt(data, at)].flat().flatMap((value): RecipeFile[] => {
    if (typeof value !== 'string' || value === '') return [];
    const file = kind === 'launch' ? launchConfigFile(value, folder) : path.resolve(folder, value);
    return [{ path: file, kind, report: (finding) => yaml.diagnose({ path: at }, finding) }];
  });
}

function valueAt(data: unknown, at: string[]): unknown {
  return at.reduce<unknown>((value, key) => {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<string, unknown>)[key];
  }, data);
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
