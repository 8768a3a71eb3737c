import path from 'node:path';
import { isThere } from '@prometheus-actions/stage';
import { checkMergeTensors } from './check-merge-tensors.ts';
import { type Diagnostic, didYouMean } from './diagnostics.ts';
import { entriesOf, type KeyPath, type MergeEntry, type MergeReport } from './merge-entries.ts';
import { METHODS } from './merge-methods.ts';
import type { MergeMethod, MergeParameter, MergeSection } from './merge-schema.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { type Finding, missingFile, type YamlFile } from './yaml-file.ts';

type Parameters = MergeSection['parameters'];

/**
 * Checks what a schema can't: that the method has the parameters, the models and the base model that it needs, that no
 * model is merged with itself, and that the values fit the models' tensors.
 *
 * @param known the names that `${name}` can be, and the architecture of the models; what is missing is not checked
 */
export function checkMerge(
  merge: MergeSection,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
  known: { names?: readonly string[] | undefined; architecture?: ArchitectureReading | undefined } = {},
): void {
  const { names, architecture } = known;
  const report: MergeReport = (path, finding, key = false) =>
    diagnostics.push(yaml.diagnose({ path: [...path], key }, finding));
  const entries = entriesOf(merge);
  if (!entries) {
    report(
      ['slices'],
      merge.models
        ? { code: 'bad-value', message: 'both models and slices are there' }
        : { code: 'missing-key', message: 'models is missing' },
      true,
    );
    return;
  }
  const base = merge.base_model ?? merge.slices?.[0]?.base_model;
  checkNames(merge, entries, report, names);
  if (names) checkFolders(entries, path.dirname(yaml.file), report);
  checkModels(merge, entries, base, report);
  checkParameters(merge, entries, base, report);
  checkMergeTensors(merge, architecture, report);
}

function checkNames(
  merge: MergeSection,
  entries: MergeEntry[],
  report: MergeReport,
  names?: readonly string[],
): void {
  if (!names) return;
  const places: [KeyPath, string | undefined][] = [
    ...entries.map(({ model, path }): [KeyPath, string] => [[...path, 'model'], model]),
    [['base_model'], merge.base_model],
    [['slices', 0, 'base_model'], merge.slices?.[0]?.base_model],
    [['tokenizer_source'], merge.tokenizer_source],
  ];
  for (const [path, text = ''] of places) {
    for (const name of unknownNames(text, names)) report(path, unknownExpert(name, names));
  }
}

/** Folders of models, and of adapters on them, that are named and not there. */
function checkFolders(entries: MergeEntry[], folder: string, report: MergeReport): void {
  for (const { model, path: at } of entries) {
    const isFolder = isThere(path.resolve(folder, model));
    for (const part of isFolder ? [] : model.split('+')) {
      const absolute = path.resolve(folder, part);
      if (part.includes('${') || isThere(absolute)) continue;
      const finding = missingFile(part, absolute);
      report([...at, 'model'], {
        ...finding,
        message: finding.message.replace('no file', 'no model folder'),
        hint: finding.hint ?? 'Name a folder, ${expert} for an expert of the recipe, or ${base}.',
      });
    }
  }
}

/** The names in `${…}` of a text that are none of `names`. */
export function unknownNames(text: string, names: readonly string[]): string[] {
  return [...text.matchAll(/\$\{([^}]*)\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => !names.includes(name));
}

/** The finding for a `${name}` that stands for nothing. */
export function unknownExpert(name: string, names: readonly string[]): Finding {
  return {
    code: 'unknown-name',
    message: `the recipe has no expert ${name}`,
    hint: didYouMean(name, names) ?? `Known are ${names.join(', ')}.`,
  };
}

function checkModels(
  { merge_method: method }: MergeSection,
  entries: MergeEntry[],
  base: string | undefined,
  report: MergeReport,
): void {
  const seen = new Set<string>();
  for (const { model, path } of entries) {
    if (seen.has(model)) {
      report([...path, 'model'], {
        code: 'same-model-twice',
        message: `${model} is merged twice`,
        hint: 'Merging a model with itself gives that model.',
      });
    }
    seen.add(model);
  }
  const list = entries[0]?.path.slice(0, -1) ?? [];
  const wrongNumber = (message: string) => report(list, { code: 'bad-value', message });
  if (!METHODS[method].needsBase) {
    if (entries.length < 2) wrongNumber('a merge needs two models or more');
    return;
  }
  if (base === undefined) {
    report(['merge_method'], {
      code: 'missing-key',
      message: `${method} needs base_model`,
      hint: 'Name what the experts were trained from: base_model: ${base}.',
    });
    return;
  }
  const others = [...seen].filter((model) => model !== base).length;
  if (method === 'slerp' && others !== 1) {
    wrongNumber(`slerp merges two models, base_model and one more, and here are ${others + 1}`);
  } else if (others < 1) wrongNumber(`${method} needs a model beside base_model`);
}

function checkParameters(
  merge: MergeSection,
  entries: readonly MergeEntry[],
  base: string | undefined,
  report: MergeReport,
): void {
  const { merge_method: method } = merge;
  const common = [
    { parameters: merge.parameters, path: ['parameters'] },
    { parameters: merge.slices?.[0]?.parameters, path: ['slices', 0, 'parameters'] },
  ];
  for (const { parameters, path } of common)
    checkParameterNames(parameters, method, [...path], false, report);
  for (const { parameters, path } of entries) {
    checkParameterNames(parameters, method, [...path, 'parameters'], true, report);
  }
  checkRequiredParameters(merge, entries, base, report);
}

/** Each model has the parameters that the method needs, in one way or another. */
export function checkRequiredParameters(
  merge: MergeSection,
  entries: readonly MergeEntry[],
  base: string | undefined,
  report: MergeReport,
): void {
  const { merge_method: method } = merge;
  const { perModel, required, needsBase } = METHODS[method];
  const common = [merge.parameters, merge.slices?.[0]?.parameters];
  const isSet = (name: MergeParameter) => common.some((parameters) => parameters?.[name] !== undefined);
  for (const name of required.filter((candidate) => !isSet(candidate))) {
    if (!perModel.includes(name)) {
      report(['merge_method'], { code: 'missing-key', message: `${method} needs parameters.${name}` });
      continue;
    }
    for (const { model, parameters, path } of entries) {
      if ((needsBase && model === base) || parameters?.[name] !== undefined) continue;
      report([...path, 'model'], {
        code: 'missing-key',
        message: `${model} has no parameters.${name}, which ${method} needs`,
      });
    }
  }
}

function checkParameterNames(
  parameters: Parameters,
  method: MergeMethod,
  path: KeyPath,
  ofOneModel: boolean,
  report: MergeReport,
): void {
  const { shared, perModel } = METHODS[method];
  for (const name of Object.keys(parameters ?? {}) as MergeParameter[]) {
    const value = parameters?.[name];
    if (value === undefined || perModel.includes(name) || name === 'int8_mask') continue;
    // mergekit has it for all methods of task vectors; off is what these do anyway.
    if (name === 'rescale' && !value && (method === 'ties' || method === 'task_arithmetic')) continue;
    if (!shared.includes(name)) {
      const owners = Object.entries(METHODS)
        .filter(([, { shared, perModel }]) => [...shared, ...perModel].includes(name))
        .map(([owner]) => owner);
      const own = [...perModel, ...shared].join(', ');
      report(
        [...path, name],
        {
          code: 'unknown-key',
          message: `${method} has no parameter ${name}`,
          hint: `It has ${own}; ${name} belongs to ${owners.join(', ')}.`,
        },
        true,
      );
    } else if (ofOneModel) {
      const hint = 'Move it to parameters of the file; mergekit would pass over it here.';
      const message = `${name} concerns all models together`;
      report([...path, name], { code: 'bad-value', message, hint }, true);
    }
  }
}
