import path from 'node:path';
import { ConfigurationError, isThere, type Json, type StageInput } from '@prometheus-actions/stage';

/** A model on this machine, or a hub repository at a revision. */
export type ModelReference = { path: string } | { id: string; revision: string };

/** The model as an input of a stage. */
export function modelInput(model: ModelReference): StageInput {
  return 'path' in model ? { paths: [model.path] } : { reference: `${model.id}@${model.revision}` };
}

/** The model as the Python side reads it. */
export function modelJson(model: ModelReference): Json {
  return { ...model };
}

/**
 * Reads `FOLDER` or `id@revision`.
 *
 * @throws ConfigurationError for what is neither
 */
export function parseModelReference(text: string): ModelReference {
  if (isThere(text)) return { path: path.resolve(text) };
  const [, id, revision] = /^([\w.-]+\/[\w.-]+)@([\w./-]+)$/.exec(text) ?? [];
  if (id && revision) return { id, revision };
  throw new ConfigurationError(`${text} is neither a folder nor id@revision of a model on the hub`, {
    hint: 'For example mistralai/Mistral-7B-Instruct-v0.2@3ad372fc79158a2148299e3318516c786aeded6c.',
  });
}
