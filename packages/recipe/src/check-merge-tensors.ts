import { didYouMean } from './diagnostics.ts';
import { entriesOf, type KeyPath, type MergeEntry, type MergeReport } from './merge-entries.ts';
import { METHODS } from './merge-methods.ts';
import type { MergeParameter, MergeSection } from './merge-schema.ts';
import { conditionFor, conditionsOf, placeInLayers, valueFor } from './merge-values.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { tensorNames } from './tensor-names.ts';

/** What is written of a parameter, and where. */
interface Written {
  value: unknown;
  path: KeyPath;
}

/**
 * Checks a configuration against the models' tensors: what the engine refuses, or would pass over, once it sees them.
 *
 * @param reading of the models; without it, and of a model type that is not known, nothing is said that hangs on names
 */
export function checkMergeTensors(
  merge: MergeSection,
  reading: ArchitectureReading | undefined,
  report: MergeReport,
): void {
  const entries = entriesOf(merge) ?? [];
  const layers = reading && 'architecture' in reading ? reading.architecture.layers : undefined;
  checkLayers(merge, layers, report);
  const known = tensorNames(reading);
  if (known) for (const written of allWritten(merge, entries)) checkFilters(written, known, report);
  checkMergeValues(merge, entries, reading, report);
}

/** Each tensor has a value of what the method needs, and the weights of a mean do not sum to 0. */
export function checkMergeValues(
  merge: MergeSection,
  entries: readonly MergeEntry[],
  reading: ArchitectureReading | undefined,
  report: MergeReport,
): void {
  const tensors = isConstant(merge, entries) ? [''] : tensorNames(reading);
  const layers = reading && 'architecture' in reading ? reading.architecture.layers : 1;
  if (tensors) checkValues(merge, entries, { tensors, layers }, report);
}

/** All sources must have the same layers, and these must be all that the models have. */
function checkLayers({ slices }: MergeSection, layers: number | undefined, report: MergeReport): void {
  const sources = slices?.[0]?.sources ?? [];
  const first = sources[0]?.layer_range[1];
  for (const [index, { layer_range: range }] of sources.entries()) {
    const [, end] = range;
    const wanted = layers ?? first;
    if (end === wanted) continue;
    const message =
      layers === undefined
        ? `layer_range ends at ${end}, that of the first source at ${first}`
        : `layer_range ends at ${end}, and the models have ${layers} layers`;
    report(['slices', 0, 'sources', index, 'layer_range'], {
      code: 'bad-value',
      message,
      hint: `Whole models are merged: write [0, ${wanted}]. For some of the layers write engine: mergekit in recipe.yaml.`,
    });
  }
}

function allWritten(merge: MergeSection, entries: readonly MergeEntry[]): Written[] {
  const scopes = [
    ...entries.map(({ parameters, path }) => ({ parameters, path: [...path, 'parameters'] })),
    { parameters: merge.slices?.[0]?.parameters, path: ['slices', 0, 'parameters'] },
    { parameters: merge.parameters, path: ['parameters'] },
  ];
  return scopes.flatMap(({ parameters, path }) =>
    Object.entries(parameters ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [{ value, path: [...path, name] }],
    ),
  );
}

/** A filter from which no tensor takes its value: it is part of no name, or an earlier one has all that it is part of. */
function checkFilters({ value, path }: Written, names: readonly string[], report: MergeReport): void {
  const conditions = conditionsOf(value);
  const taken = new Set(names.map((name) => conditionFor(conditions, name)));
  for (const [index, { filter }] of conditions.entries()) {
    if (filter !== undefined && !taken.has(index))
      report([...path, index, 'filter'], unusedFilter(filter, names));
  }
}

export function unusedFilter(filter: string, names: readonly string[]): Parameters<MergeReport>[1] {
  const code = 'unused-filter';
  if (names.some((name) => name.includes(filter))) {
    const message = `filter: ${filter} has no effect: each tensor with ${filter} in its name takes an earlier value of the list`;
    return { code, message, hint: 'The first filter that fits a tensor counts: move this one up.' };
  }
  const length = filter.split('.').length;
  const words = names.map((name) => name.split('.').filter((word) => !/^\d+$/.test(word)));
  const parts = new Set(
    words.flatMap((name) =>
      Array.from({ length: Math.max(0, name.length - length + 1) }, (_, start) =>
        name.slice(start, start + length).join('.'),
      ),
    ),
  );
  return {
    code,
    message: `filter: ${filter} is part of no tensor's name: its value is never used`,
    hint: didYouMean(filter, [...parts]),
  };
}

interface Shape {
  tensors: readonly string[];
  layers: number;
}

function checkValues(
  merge: MergeSection,
  entries: readonly MergeEntry[],
  shape: Shape,
  report: MergeReport,
): void {
  const { required, perModel, needsBase } = METHODS[merge.merge_method];
  const base = merge.base_model ?? merge.slices?.[0]?.base_model;
  const merged = entries.filter(({ model }) => !(needsBase && model === base));
  for (const name of required) {
    for (const entry of perModel.includes(name) ? merged : [undefined])
      checkRequired(name, scopesOf(merge, name, entry), entry, shape, report);
  }
  if (!needsBase) checkSum(merge, entries, shape, report);
}

/** Where a parameter of a model, or of all, is written: the place that counts first comes first. */
function scopesOf(merge: MergeSection, name: MergeParameter, entry?: MergeEntry): Written[] {
  return [
    ...(entry ? [{ value: entry.parameters?.[name], path: [...entry.path, 'parameters', name] }] : []),
    { value: merge.slices?.[0]?.parameters?.[name], path: ['slices', 0, 'parameters', name] },
    { value: merge.parameters?.[name], path: ['parameters', name] },
  ].filter(({ value }) => value !== undefined);
}

function valueAt(scopes: readonly Written[], tensor: string, layers: number) {
  const values = scopes.map(({ value }) => value);
  return valueFor(values, tensor, placeInLayers(tensor, layers));
}

function checkRequired(
  name: MergeParameter,
  scopes: readonly Written[],
  entry: MergeEntry | undefined,
  { tensors, layers }: Shape,
  report: MergeReport,
): void {
  const [first] = scopes;
  // That nothing is written of it at all is reported elsewhere.
  if (!first) return;
  const lacking = tensors.filter((tensor) => valueAt(scopes, tensor, layers) === undefined);
  if (lacking.length === 0) return;
  const more = lacking.length > 1 ? ` and ${lacking.length - 1} more` : '';
  report(first.path, {
    code: 'missing-key',
    message: `no ${name}${entry ? ` of ${entry.model}` : ''} for ${lacking[0]}${more}: no filter fits`,
    hint: 'Add - value: … without a filter at the end of the list, for all other tensors.',
  });
}

/** Of the first tensor whose weights would be divided by 0. */
function checkSum(
  merge: MergeSection,
  entries: readonly MergeEntry[],
  { tensors, layers }: Shape,
  report: MergeReport,
): void {
  const scopes = entries.map((entry) => scopesOf(merge, 'weight', entry));
  for (const tensor of tensors) {
    const weights = scopes.map((written) => valueAt(written, tensor, layers));
    if (!weights.every((weight) => typeof weight === 'number')) continue;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const normalizes = Boolean(valueAt(scopesOf(merge, 'normalize'), tensor, layers) ?? true);
    if (Math.abs(sum) >= ZERO || !normalizes) continue;
    report(scopes.flat()[0]?.path ?? [], {
      code: 'bad-value',
      message: `the weights ${weights.join(', ')}${tensor && ` of ${tensor}`} sum to 0, and the merged values are divided by that sum`,
      hint: 'Change the weights, or write normalize: false in parameters.',
    });
    return;
  }
}

/** Sums below this are 0, as in the engine. */
const ZERO = 1e-8;

/** Whether each tensor has the same values, so that its name does not matter. */
function isConstant(merge: MergeSection, entries: readonly MergeEntry[]): boolean {
  return allWritten(merge, entries).every(({ value }) => {
    const [first] = conditionsOf(value);
    return first?.filter === undefined && first?.values.length === 1;
  });
}
