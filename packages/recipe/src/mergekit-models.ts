import type { KeyPath } from './merge-entries.ts';

/** A model as a mergekit configuration names it: texts as they are written, a revision after an `@`. */
export interface ModelName {
  /** `${name}`, a folder, or `owner/name@commit`. */
  model: string;
  /** The same of a LoRA adapter on it. */
  lora?: string;
  /** A class of transformers that mergekit takes the model for. */
  architecture?: string;
}

/** Finds what stands for the value at a place where a model is named. */
export type NamedModel<Value> = (value: unknown, path: KeyPath, isTokenizer: boolean) => Value;

/**
 * A copy of a configuration with something else at every place where mergekit 0.1.5 reads the name of a model: `models`,
 * `slices` and `base_model`, also of each of its `modules`, `tokenizer_source`, and of `tokenizer` its source and those of its
 * tokens. What has another form than mergekit reads stays as it is: mergekit refuses it.
 *
 * @param replace called with what is there; `isTokenizer` where `union` and `base` are no models
 */
export function mapMergekitModels<Value>(config: unknown, replace: NamedModel<Value>): unknown {
  const model = (isTokenizer: boolean) => (value: unknown, path: KeyPath) =>
    value === null || value === undefined || (isTokenizer && NO_MODELS.has(value as string))
      ? value
      : replace(value, path, isTokenizer);
  const entries = each(keys({ model: model(false) }));
  const slices = each(keys({ sources: entries, base_model: model(false) }));
  const tokens = every(
    keys({
      source: (value, path) =>
        isMapping(value) && 'kind' in value
          ? keys({ model: model(false) })(value, path)
          : model(false)(value, path),
    }),
  );
  return keys({
    base_model: model(false),
    models: entries,
    slices,
    modules: every(keys({ models: entries, slices })),
    tokenizer_source: model(true),
    tokenizer: keys({ source: model(true), tokens }),
  })(config, []);
}

/**
 * The model that a value names: a text, `model+lora`, or mergekit's long form `{model, lora, override_architecture}`, of
 * which the first two may be `{path, revision}`.
 *
 * @returns what is wrong with it, for a value of another form
 */
export function modelName(value: unknown): ModelName | { problem: string } {
  if (typeof value === 'string') return { model: value };
  if (!isMapping(value)) return { problem: 'expected the name of a model' };
  const unknown = Object.keys(value).find((key) => !LONG_FORM.has(key));
  if (unknown !== undefined) return { problem: `a model has no key ${unknown}` };
  const { model, lora, override_architecture: architecture } = value;
  const [modelText, loraText] = [pathText(model), lora === null ? undefined : pathText(lora)];
  if (modelText === undefined) return { problem: 'expected a text or {path, revision} as model' };
  if (loraText === undefined && lora !== undefined && lora !== null)
    return { problem: 'expected a text or {path, revision} as lora' };
  if (architecture !== undefined && architecture !== null && !/^\w{1,80}$/.test(String(architecture)))
    return { problem: 'expected the name of a class as override_architecture' };
  return {
    model: modelText,
    ...(loraText !== undefined && { lora: loraText }),
    ...(typeof architecture === 'string' && { architecture }),
  };
}

const NO_MODELS = new Set(['base', 'union']);
const LONG_FORM = new Set(['model', 'lora', 'override_architecture']);

function pathText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!isMapping(value) || Object.keys(value).some((key) => key !== 'path' && key !== 'revision'))
    return undefined;
  const { path, revision } = value;
  if (typeof path !== 'string' || path === '') return undefined;
  if (revision === undefined || revision === null) return path;
  return typeof revision === 'string' || typeof revision === 'number' ? `${path}@${revision}` : undefined;
}

type Walk = (value: unknown, path: KeyPath) => unknown;

/** The values of some keys of a mapping. */
function keys(walks: Record<string, Walk>): Walk {
  return (value, path) => {
    if (!isMapping(value)) return value;
    const mapped = Object.entries(value).map(([key, inner]) => {
      const walk = Object.hasOwn(walks, key) ? walks[key] : undefined;
      return [key, walk ? walk(inner, [...path, key]) : inner];
    });
    return Object.fromEntries(mapped);
  };
}

/** The values of all keys. */
function every(walk: Walk): Walk {
  return (value, path) =>
    isMapping(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, [...path, key])]))
      : value;
}

/** The entries of a list. */
function each(walk: Walk): Walk {
  return (value, path) =>
    Array.isArray(value) ? value.map((inner, index) => walk(inner, [...path, index])) : value;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
