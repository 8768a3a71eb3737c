import path from 'node:path';
import { digestOf, type Json, visibleText } from '@prometheus-actions/stage';
import type { Recipe } from './load-recipe.ts';
import type { BaseModel } from './read-base-model.ts';
import type { Expert } from './read-experts.ts';
import type { DatasetSection } from './recipe-schema.ts';
import { type ContentChange, type StageConsequence, stageConsequences } from './stage-consequences.ts';
import { trainingSettings } from './stage-settings.ts';
import { valueWords } from './value-words.ts';

/** What a change of a recipe is, and what it means for a run. */
export interface RecipeDifference {
  /** In words: `learning_rate of absolute: 1e-5 → 2e-5`. */
  changes: string[];
  stages: StageConsequence[];
}

/**
 * What differs between two states of a recipe, both read and right, with all paths as if they stood in one place.
 *
 * @param contentChanged whether files of data and models that both name have other contents; by default none has
 */
export function recipeDifference(
  before: Recipe,
  after: Recipe,
  contentChanged: ContentChange = () => false,
): RecipeDifference {
  return {
    changes: [
      ...change('name', before.name, after.name),
      ...baseModelChanges(before, after, contentChanged),
      ...datasetChanges(before, after, contentChanged),
      ...expertChanges(before, after),
      ...launchChanges(before, after),
      ...mergeChanges(before, after),
    ],
    stages: stageConsequences(before, after, contentChanged),
  };
}

/** A change of one thing that several experts or datasets may have in common. */
interface Change {
  what: string;
  /** `: 1 → 2`, or ` changed`. */
  how: string;
  note?: string;
}

function change(what: string, before: unknown, after: unknown, note = ''): string[] {
  return howItChanged(before, after).map((how) => `${what}${how}${note}`);
}

/** One element, or none where nothing changed. */
function howItChanged(before: unknown, after: unknown): string[] {
  if (isSame(before, after)) return [];
  const [from, to] = [valueWords(before), valueWords(after)];
  if (from !== undefined && to !== undefined) return [`: ${from} → ${to}`];
  if (before === undefined) return [' is set'];
  return [after === undefined ? ' is not set any more' : ' changed'];
}

function isSame(before: unknown, after: unknown): boolean {
  return digestOf((before ?? null) as Json) === digestOf((after ?? null) as Json);
}

function baseModelChanges(before: Recipe, after: Recipe, contentChanged: ContentChange): string[] {
  const [from, to] = [before.baseModel, after.baseModel];
  if (from.kind === 'random' && to.kind === 'random') {
    return [
      ...(['seed', 'dtype', 'tokenizer'] as const).flatMap((key) =>
        change(`${key} of the base model`, from[key], to[key]),
      ),
      ...change(
        'config of the base model',
        relative(before, from.configFile),
        relative(after, to.configFile),
      ),
      ...(contentChanged(to.configFile)
        ? [`${relative(after, to.configFile)}, the base model, changed`]
        : []),
    ];
  }
  const words = change('base model', baseModelWords(before, from), baseModelWords(after, to));
  const contents = to.kind === 'path' && words.length === 0 && contentChanged(to.path);
  return contents ? [`the files of the base model ${relative(after, to.path)} changed`] : words;
}

function baseModelWords(recipe: Recipe, base: BaseModel): string {
  if (base.kind === 'hub') return `${base.id} at ${shortCommit(base.revision)}`;
  if (base.kind === 'path') return relative(recipe, base.path);
  return `random weights for ${relative(recipe, base.configFile)}`;
}

/** As much of a commit as tells it from others at sight; a branch as it is. */
function shortCommit(revision: string): string {
  return /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 12) : revision;
}

function datasetChanges(before: Recipe, after: Recipe, contentChanged: ContentChange): string[] {
  const changes = comparePairs(before.datasets, after.datasets, (from, to) => {
    const [{ sources: oldSources, ...old }, { sources, ...now }] = [from, to];
    const files = sources.flatMap((source) => ('files' in source ? source.files : [])).filter(contentChanged);
    return [
      ...changesOf('source', sourceWords(before, oldSources), sourceWords(after, sources)),
      ...(files.length > 0
        ? [{ what: 'data', how: ` changed in ${files.map((file) => relative(after, file)).join(', ')}` }]
        : []),
      ...leafChanges(old as Json, now as Json),
    ];
  });
  return inWords('dataset', changes, before.datasets, after.datasets);
}

function sourceWords(recipe: Recipe, sources: DatasetSection['sources']): string[] {
  return sources.flatMap((source) => {
    if ('files' in source) return source.files.map((file) => relative(recipe, file));
    const { hub, revision, hub_files: files } = source;
    return [`${hub}${revision ? ` at ${shortCommit(revision)}` : ''}${files ? `: ${files.join(', ')}` : ''}`];
  });
}

function expertChanges(before: Recipe, after: Recipe): string[] {
  const [from, to] = [byName(before.experts), byName(after.experts)];
  const changes = comparePairs(from, to, (old, now) => [
    ...changesOf('dataset', old.dataset, now.dataset),
    ...changesOf('global batch', globalBatch(before, old), globalBatch(after, now)),
    ...trainingChanges(before, old, now),
  ]);
  return inWords('expert', changes, from, to);
}

/** Examples in an optimizer step, over all processes. */
function globalBatch({ launch }: Recipe, { training }: Expert): number {
  const { per_device_train_batch_size: perDevice, gradient_accumulation_steps: steps } = training.arguments;
  return Number(perDevice ?? 8) * Number(steps ?? 1) * launch.processes;
}

function trainingChanges({ launch }: Recipe, { training: from }: Expert, { training: to }: Expert): Change[] {
  const { arguments: oldArguments, globalBatchSize: _, ...old } = from;
  const { arguments: newArguments, globalBatchSize: __, ...now } = to;
  const settings = trainingSettings(from, launch);
  const effect = (changed: Partial<typeof from>) =>
    isSame(settings, trainingSettings({ ...from, ...changed }, launch)) ? ' (no effect on the weights)' : '';
  const own = keysOf(old, now).flatMap((key) =>
    changesOf(keyOfRecipe(key), old[key], now[key], effect({ [key]: now[key] })),
  );
  const trainer = keysOf(oldArguments, newArguments).flatMap((key) => {
    const changed = { arguments: { ...oldArguments, [key]: newArguments[key] } };
    const name = key === 'gradient_accumulation_steps' ? 'gradient accumulation' : key;
    return changesOf(name, oldArguments[key], newArguments[key], effect(changed));
  });
  return [...own, ...trainer];
}

/** `masterWeights` as it is written in a recipe. */
function keyOfRecipe(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function launchChanges(before: Recipe, after: Recipe): string[] {
  const [from, to] = [before.launch, after.launch];
  const [oldName, name] = [path.parse(from.configFile).name, path.parse(to.configFile).name];
  const launched = change(
    'launch',
    `${oldName} × ${from.processes}`,
    `${name} × ${to.processes}`,
    launchNote(before, after),
  );
  const config =
    oldName === name
      ? leafChanges(from.config as Json, to.config as Json).map(
          ({ what, how }) => `${what} of the launch config ${name}${how}`,
        )
      : [];
  const noEffect = ' (no effect on the weights)';
  return [
    ...launched,
    ...config,
    ...change('launcher', from.launcher, to.launcher, noEffect),
    ...change('nodes', from.nodes, to.nodes, noEffect),
    ...change('options of Slurm', from.slurmOptions, to.slurmOptions, noEffect),
  ];
}

/** What a person who changes how training is launched may not expect, or may fear. */
function launchNote(before: Recipe, after: Recipe): string {
  const old = byName(before.experts);
  const hasSameSteps = after.experts.every((expert) => {
    const earlier = old[expert.name];
    return earlier && globalBatch(before, earlier) === globalBatch(after, expert);
  });
  return hasSameSteps ? ' (the same examples in each step, rounded otherwise)' : '';
}

function mergeChanges(before: Recipe, after: Recipe): string[] {
  const [{ config: oldConfig, folder: _, ...old }, { config, folder: __, ...now }] = [
    before.merge,
    after.merge,
  ];
  return [
    ...leafChanges(old as Json, now as Json),
    ...leafChanges(withNamedModels(oldConfig as Json), withNamedModels(config as Json)),
  ].map(({ what, how }) => `merge: ${what}${how}`);
}

/** A merge configuration whose models stand under their names and not at places of a list. */
function withNamedModels(value: Json): Json {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => isRecord(entry) && 'model' in entry)
  ) {
    return Object.fromEntries(
      value.map((entry) => {
        const { model, parameters, ...rest } = entry as Record<string, Json>;
        return [String(model), { merged: true, ...rest, ...(isRecord(parameters) ? parameters : {}) }];
      }),
    );
  }
  // Of slices there is one.
  if (Array.isArray(value) && value.length === 1 && isRecord(value[0])) return withNamedModels(value[0]);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withNamedModels(entry)]));
}

/** Changes of the values in two nested objects, each named by its keys and the model that it belongs to. */
function leafChanges(before: Json | undefined, after: Json | undefined, within: string[] = []): Change[] {
  if (isSame(before, after)) return [];
  if (isRecord(before) && isRecord(after)) {
    return keysOf(before, after).flatMap((key) => leafChanges(before[key], after[key], [...within, key]));
  }
  const model = within.findIndex((_, index) => ['models', 'sources'].includes(within[index - 1] ?? ''));
  const keys = within.slice(model + 1).filter((key) => key !== 'parameters' && key !== 'slices');
  if (model < 0) return changesOf(visibleText(keys.join('.')), before, after);
  const name = visibleText(`${within[model]}`);
  if (keys.length > 0) return changesOf(visibleText(`${keys.join('.')} of ${name}`), before, after);
  return [{ what: name, how: before === undefined ? ' is merged, too' : ' is not merged any more' }];
}

function changesOf(what: string, before: unknown, after: unknown, note = ''): Change[] {
  return howItChanged(before, after).map((how) => ({ what, how, note }));
}

/** Compares what stands under the same name. */
function comparePairs<Value>(
  before: Record<string, Value>,
  after: Record<string, Value>,
  compare: (before: Value, after: Value) => Change[],
): Map<string, string[]> {
  const changes = new Map<string, string[]>();
  for (const [name, now] of Object.entries(after)) {
    const old = before[name];
    for (const { what, how, note = '' } of old === undefined ? [] : compare(old, now)) {
      const key = JSON.stringify([what, `${how}${note}`]);
      changes.set(key, [...(changes.get(key) ?? []), name]);
    }
  }
  return changes;
}

/** One sentence for what changed in the same way in several, and one for each that came or went. */
function inWords(
  kind: string,
  changes: Map<string, string[]>,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): string[] {
  const common = Object.keys(after).filter((name) => name in before).length;
  return [
    ...Object.keys(after).flatMap((name) => (name in before ? [] : [`the ${kind} ${name} is new`])),
    ...Object.keys(before).flatMap((name) => (name in after ? [] : [`the ${kind} ${name} is gone`])),
    ...[...changes].map(([key, names]) => {
      const [what, how] = JSON.parse(key) as [string, string];
      return `${what} of ${names.length > 1 && names.length === common ? allOf(kind, common) : names.join(' and ')}${how}`;
    }),
  ];
}

function allOf(kind: string, count: number): string {
  return count === 2 ? `both ${kind}s` : `all ${count} ${kind}s`;
}

function byName(experts: readonly Expert[]): Record<string, Expert> {
  return Object.fromEntries(experts.map((expert) => [expert.name, expert]));
}

function keysOf<Value extends object>(before: Value, after: Value): (keyof Value & string)[] {
  return Object.keys({ ...before, ...after }) as (keyof Value & string)[];
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** A path as it would be written in the recipe. */
function relative({ folder }: Recipe, file: string): string {
  const written = path.relative(folder, file);
  return visibleText(written.startsWith('../../..') ? file : written);
}
