import type { z } from 'zod';
import { nearest } from './diagnostics.ts';
import { datasetFileSchema, type RecipeSection, recipeSchema } from './recipe-schema.ts';

/** What is understood of a `recipe.yaml`: all of one without mistakes; of another, what names further files. */
export interface RecipeParts {
  base_model?: RecipeSection['base_model'] | undefined;
  dataset?: string | undefined;
  /** Undefined where even the names of the experts are not known. */
  experts?: Record<string, ExpertParts> | undefined;
  launch?: RecipeSection['launch'] | undefined;
  /** Training processes; undefined where they can't be told. */
  processes?: number | undefined;
  merge?: RecipeSection['merge'] | undefined;
}

interface ExpertParts {
  dataset?: string | undefined;
  sft?: string | undefined;
}

const sections = recipeSchema.shape;

/**
 * The readable parts of a recipe with mistakes, so that the files that it names are checked all the same. A part is left
 * out where a check of it would repeat the mistake in other words. A misspelt key is taken for the one that was meant.
 */
export function readableParts(written: unknown): RecipeParts {
  const { base_model, dataset, experts, launch, merge } = recipeAsMeant(written);
  return {
    base_model: valid(sections.base_model, base_model),
    dataset: textOf(dataset),
    experts: isRecord(experts)
      ? Object.fromEntries(Object.entries(experts).map(([name, expert]) => [name, expertOf(expert)]))
      : undefined,
    ...launchOf(launch),
    merge: mergeOf(merge),
  };
}

/**
 * What a `recipe.yaml` says, with misspelt keys under the names that were meant. Whatever looks for the files that a recipe
 * names looks here: a file that is checked, and one that may not be read, must be the same.
 */
export function recipeAsMeant(written: unknown): Record<string, unknown> {
  if (!isRecord(written)) return {};
  const data = asMeant(written, Object.keys(sections));
  const { experts } = data;
  return {
    ...data,
    ...(isRecord(experts) && {
      experts: Object.fromEntries(
        Object.entries(experts).map(([name, expert]) => [name, asMeant(expert, ['dataset', 'sft'])]),
      ),
    }),
    launch: asMeant(data.launch, Object.keys(sections.launch.shape)),
    merge: asMeant(data.merge, ['config', 'adapters', 'engine', 'seed', 'donor']),
  };
}

/** The datasets of a dataset file with mistakes: those that are right, and of others where their rows come from. */
export function readableDatasets(data: unknown): Record<string, Partial<DatasetFileSection>> | undefined {
  if (!isRecord(data)) return undefined;
  const dataset = datasetFileSchema.valueType;
  return Object.fromEntries(
    Object.entries(data).map(([name, section]) => {
      const source = isRecord(section) ? valid(dataset.shape.source, section.source) : undefined;
      return [name, valid(dataset, section) ?? (source === undefined ? {} : { source })];
    }),
  );
}

export type DatasetFileSection = z.output<typeof datasetFileSchema>[string];

function expertOf(expert: unknown): ExpertParts {
  if (!isRecord(expert)) return {};
  const { dataset, sft } = expert;
  return { dataset: textOf(dataset), sft: textOf(sft) };
}

/** The config alone where another key is wrong: by that key the processes may be other ones than they seem. */
function launchOf(launch: unknown): Pick<RecipeParts, 'launch' | 'processes'> {
  if (!isRecord(launch)) return {};
  const whole = valid(sections.launch, launch);
  if (whole) return { launch: whole, processes: whole.processes };
  const config = textOf(launch.config);
  const processes = launch.processes === undefined ? undefined : processesOf(launch.processes);
  return {
    launch: config === undefined ? undefined : { config, processes: processes ?? 1, launcher: 'local' },
    processes,
  };
}

function processesOf(processes: unknown): number | undefined {
  return valid(sections.launch.shape.processes, processes);
}

/** With a wrong engine it is not known which configuration is meant. */
function mergeOf(merge: unknown): RecipeParts['merge'] {
  const whole = valid(sections.merge, merge);
  if (whole !== undefined || !isRecord(merge)) return whole;
  const { config, engine } = merge;
  return engine === undefined || engine === 'native' ? textOf(config) : undefined;
}

/** Keys and values with misspelt keys under the names that they were to have, where these are not there. */
function asMeant<Written>(written: Written, known: readonly string[]): Written {
  if (!isRecord(written)) return written;
  const entries = Object.entries(written).map(([key, value]): [string, unknown] => {
    const near = known.includes(key) ? undefined : nearest(key, known);
    return near === undefined || Object.hasOwn(written, near) ? [key, value] : [near, value];
  });
  return Object.fromEntries(entries) as Written;
}

function valid<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
  return schema.safeParse(value).data;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
