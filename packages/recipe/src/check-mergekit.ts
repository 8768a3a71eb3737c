import { checkRequiredParameters } from './check-merge.ts';
import { checkMergeValues, unusedFilter } from './check-merge-tensors.ts';
import { checkMergekitModels, type KnownModels } from './check-mergekit-models.ts';
import { entriesOf, type KeyPath, type MergeEntry, type MergeReport } from './merge-entries.ts';
import { METHODS } from './merge-methods.ts';
import { type MergeSection, mergeSchema } from './merge-schema.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { tensorNames } from './tensor-names.ts';

/**
 * Checks a configuration for mergekit itself, as far as it is known here what mergekit refuses or passes over once it sees
 * the models: their names, ranges of layers, filters, and of the methods that our engine has too, values that are missing or
 * sum to 0.
 *
 * @param reading of the models; without it nothing is said that hangs on layers and names
 */
export function checkMergekit(
  config: unknown,
  reading: ArchitectureReading | undefined,
  report: MergeReport,
  known?: KnownModels,
): void {
  checkMergekitModels(config, known, report);
  checkWritten(config, reading, report, []);
  const merge = sharedPart(config);
  const entries = merge && entriesOf(merge);
  if (!merge || !entries) return;
  const base = merge.base_model ?? merge.slices?.[0]?.base_model;
  const merged = withBase(merge, entries, base);
  checkRequiredParameters(merge, merged, base, report);
  checkMergeValues(merge, merged, reading, report);
}

/** What a configuration says that both engines read alike; undefined where it says it otherwise, or by another method. */
export function sharedPart(config: unknown): MergeSection | undefined {
  const { merge_method, models, slices, base_model, parameters } = config as Record<string, unknown>;
  return mergeSchema.safeParse({ merge_method, models, slices, base_model, parameters }).data;
}

/** mergekit's linear merges a base_model too, with the weight that parameters of the file has for all. */
function withBase(
  { merge_method: method }: MergeSection,
  entries: readonly MergeEntry[],
  base: string | undefined,
): readonly MergeEntry[] {
  const isListed = base === undefined || entries.some(({ model }) => model === base);
  return METHODS[method].needsBase || isListed
    ? entries
    : [...entries, { model: base, path: ['base_model'] }];
}

/** Texts under `filter` and ranges under `layer_range`, wherever mergekit's own configuration has them. */
function checkWritten(
  config: unknown,
  reading: ArchitectureReading | undefined,
  report: MergeReport,
  path: KeyPath,
): void {
  if (config === null || typeof config !== 'object') return;
  if (Array.isArray(config)) {
    for (const [index, entry] of config.entries()) checkWritten(entry, reading, report, [...path, index]);
    return;
  }
  const names = tensorNames(reading);
  for (const [key, value] of Object.entries(config)) {
    const at = [...path, key];
    if (key === 'layer_range') checkRange(value, reading, report, at);
    else if (key === 'filter' && typeof value === 'string' && names) {
      if (value !== '*' && !names.some((name) => name.includes(value)))
        report(at, unusedFilter(value, names));
    } else checkWritten(value, reading, report, at);
  }
}

function checkRange(
  range: unknown,
  reading: ArchitectureReading | undefined,
  report: MergeReport,
  at: KeyPath,
): void {
  const [start, end] = Array.isArray(range) ? range : [];
  if (!Number.isInteger(start) || !Number.isInteger(end)) return;
  const layers = reading && 'architecture' in reading ? reading.architecture.layers : undefined;
  const found = `layer_range: [${start}, ${end}]`;
  if (start < 0 || start >= end) {
    report(at, { code: 'bad-value', message: `${found} has no layers`, hint: 'Write [FIRST, LAST + 1].' });
  } else if (layers !== undefined && end > layers) {
    const message = `${found} ends behind the base model's ${layers} layers`;
    report(at, { code: 'bad-value', message, hint: `End it at ${layers} or before.` });
  }
}
