import path from 'node:path';
import { mapMergekitModels, modelName } from '@prometheus-actions/recipe';
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

/** A model on the hub, at a commit. */
const PINNED = /^([\w.-]+\/[\w.-]+)@([0-9a-f]{40})$/;

/**
 * Finds the models that a mergekit configuration names.
 *
 * @param folder where relative paths start
 * @param hub whether a name may be `owner/name@commit`, which is fetched before the merge
 * @throws ConfigurationError for a name that stands for nothing, a folder that is not there, a repository without a commit,
 *   and a model that is written otherwise than mergekit reads it
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
  const resolvePart = (part: string, isAdapter: boolean): string => {
    const names = [...part.matchAll(/\$\{([^}]*)\}/g)];
    for (const [, name = ''] of names) use(name);
    if (names.length > 0) return part;
    const absolute = path.resolve(folder, part);
    if (isThere(absolute)) {
      // Beside ${base}, a folder that is called base is an input of its own.
      inputs[Object.hasOwn(models, part) ? `./${part}` : part] = { paths: [absolute] };
      return absolute;
    }
    const [, id, revision] = (hub && PINNED.exec(part)) || [];
    if (!id || !revision) throw notFound(part, absolute, hub);
    if (isAdapter) {
      throw new ConfigurationError(`the merge configuration names ${part}, an adapter on the hub`, {
        hint: 'Only models are fetched: download the adapter, and name its folder.',
      });
    }
    used[part] = { id, revision };
    inputs[part] = modelInput({ id, revision });
    return `\${${part}}`;
  };
  const resolve = (text: string): string =>
    partsOf(text, folder)
      .map((part, place) => resolvePart(part, place > 0))
      .join('+');
  const resolveValue = (value: unknown, at: readonly PropertyKey[]): Json => {
    const name = modelName(value);
    if ('problem' in name) {
      throw new ConfigurationError(`the merge configuration, ${at.map(String).join('.')}: ${name.problem}`, {
        hint: 'Write a folder, ${name}, or owner/name@COMMIT; mergekit has {model, lora, override_architecture} beside.',
      });
    }
    if (typeof value === 'string') return resolve(value);
    const model = resolvePart(name.model, false);
    const text = name.lora === undefined ? model : `${model}+${resolvePart(name.lora, true)}`;
    return name.architecture === undefined ? text : { model: text, override_architecture: name.architecture };
  };
  const resolved = mapMergekitModels(config, resolveValue) as { [key: string]: Json };
  const resolvedDonor = donor === undefined ? null : resolve(donor);
  if (models.base) use('base');
  return { config: resolved, donor: resolvedDonor, models: used, inputs };
}

function notFound(part: string, absolute: string, hub: boolean): ConfigurationError {
  const isRepository = hub && /^[\w.-]+\/[\w.-]+(@.*)?$/.test(part);
  return new ConfigurationError(`the merge configuration names ${part}: there is no ${absolute}`, {
    hint: isRepository
      ? 'A model of the hub is written with its commit, of 40 digits: owner/name@COMMIT.'
      : 'Relative paths start at the folder of the configuration.',
  });
}

/** A model, or a model and its adapter: split at the last `+`, unless the whole is a folder. */
function partsOf(text: string, folder: string): string[] {
  const at = text.lastIndexOf('+');
  return at < 0 || isThere(path.resolve(folder, text)) ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
