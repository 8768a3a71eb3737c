import path from 'node:path';
import { ConfigurationError, isThere, type Json, type StageInput } from '@prometheus-actions/stage';
import { type ModelReference, modelInput } from './model-reference.ts';

/** What a `${name}` of a merge configuration stands for: a model, or a LoRA adapter on one. */
export type NamedModel = ModelReference & { adapter?: string };

export interface NamedModels {
  [name: string]: NamedModel;
}

/** A configuration, ready for the engine. */
export interface ResolvedConfig {
  /** Folders are absolute; `${name}` stays. */
  config: { [key: string]: Json };
  donor: string | null;
  /** Of the `${names}`, those that are used, and `base`. */
  models: NamedModels;
  /** Everything that is read. */
  inputs: Record<string, StageInput>;
}

/** Keys of a mergekit configuration whose texts name a model. */
const MODEL_KEYS = new Set(['model', 'base_model', 'tokenizer_source']);
/** What `tokenizer_source` may be instead; under the other keys these are folders like any other. */
const NO_MODELS = new Set(['base', 'union']);

/**
 * Finds the models that a mergekit configuration names.
 *
 * @param folder where relative paths start
 * @param hub whether a name that is no folder may be a repository, which mergekit fetches itself
 * @throws ConfigurationError for a name that stands for nothing, or a folder that is not there
 */
export function resolveConfig(
  config: Json,
  donor: string | undefined,
  models: NamedModels,
  folder: string,
  hub: boolean,
): ResolvedConfig {
  const inputs: Record<string, StageInput> = {};
  const used: NamedModels = {};
  const use = (name: string) => {
    const model = models[name];
    if (!model) {
      throw new ConfigurationError(`the merge configuration names \${${name}}, and no such model is given`, {
        hint: `Given are: ${Object.keys(models).join(', ') || 'none'}.`,
      });
    }
    used[name] = model;
    // Several adapters on one base are one input each, and the base is one.
    inputs[name] = model.adapter === undefined ? modelInput(model) : { paths: [model.adapter] };
    if (model.adapter !== undefined && !models.base) inputs[`${name} (base)`] = modelInput(model);
  };
  const resolve = (text: string): string =>
    partsOf(text, folder)
      .map((part) => {
        const names = [...part.matchAll(/\$\{([^}]*)\}/g)];
        for (const [, name = ''] of names) use(name);
        if (names.length > 0) return part;
        const absolute = path.resolve(folder, part);
        // Beside ${base}, a folder that is called base is an input of its own.
        const input = Object.hasOwn(models, part) ? `./${part}` : part;
        if (isThere(absolute)) inputs[input] = { paths: [absolute] };
        else if (hub && !path.isAbsolute(part)) inputs[part] = { reference: part };
        else {
          throw new ConfigurationError(`the merge configuration names ${part}: there is no ${absolute}`, {
            hint: 'Relative paths start at the folder of the configuration.',
          });
        }
        return isThere(absolute) ? absolute : part;
      })
      .join('+');
  const walk = (value: Json, key?: string): Json => {
    if (typeof value === 'string') {
      const isModel = key !== undefined && MODEL_KEYS.has(key);
      return isModel && !(key === 'tokenizer_source' && NO_MODELS.has(value)) ? resolve(value) : value;
    }
    if (Array.isArray(value)) return value.map((entry) => walk(entry as Json));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([inner, entry]) => [inner, walk(entry, inner)]));
  };
  const resolved = walk(config) as { [key: string]: Json };
  const resolvedDonor = donor === undefined ? null : resolve(donor);
  if (models.base) use('base');
  return { config: resolved, donor: resolvedDonor, models: used, inputs };
}

/** A model, or a model and its adapter: split at the last `+`, unless the whole is a folder. */
function partsOf(text: string, folder: string): string[] {
  const at = text.lastIndexOf('+');
  return at < 0 || isThere(path.resolve(folder, text)) ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
