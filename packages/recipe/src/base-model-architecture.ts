import path from 'node:path';
import { ConfigurationError, RefusedPath, readJsonFile, statFile } from '@prometheus-actions/stage';
import { KNOWN_MODELS } from './known-models.ts';
import { type ArchitectureReading, readArchitecture } from './model-architecture.ts';
import type { BaseModel } from './read-base-model.ts';
import { MOST_SETTINGS_BYTES } from './yaml-file.ts';

/**
 * The architecture of a recipe's base model, as far as it is known without a request: from the folder's config.json,
 * from the file that a random model is made from, or of the hub's models those that shipped recipes train.
 *
 * @returns undefined for another model on the hub
 */
export function architectureOf(base: BaseModel): ArchitectureReading | undefined {
  if (base.kind === 'hub') {
    const known = KNOWN_MODELS[base.id];
    return known && readArchitecture(known);
  }
  if (base.kind === 'path') return readConfigFile(path.join(base.path, 'config.json'));
  const reading = readConfigFile(base.configFile);
  return 'architecture' in reading
    ? { ...reading, architecture: { ...reading.architecture, dtype: base.dtype } }
    : reading;
}

/** The architecture that a `config.json` on this machine describes. */
export function readConfigFile(file: string): ArchitectureReading {
  let config: unknown;
  try {
    const info = statFile(file);
    if (!info) return { problem: `${file} can't be read: ENOENT` };
    if (!info.isFile() || info.size > MOST_SETTINGS_BYTES)
      return { problem: `${file} is not a file of settings` };
    config = readJsonFile(file);
  } catch (error) {
    if (error instanceof RefusedPath) return { problem: error.problem };
    if (error instanceof ConfigurationError) return { problem: `${file}: ${error.problem}` };
    return { problem: `${file} can't be read: ${(error as NodeJS.ErrnoException).code}` };
  }
  const reading = readArchitecture(config);
  return 'problem' in reading ? { problem: `${file}: ${reading.problem}` } : reading;
}
