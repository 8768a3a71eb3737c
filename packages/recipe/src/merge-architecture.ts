import path from 'node:path';
import { isFile } from '@prometheus-actions/stage';
import { readConfigFile } from './base-model-architecture.ts';
import { entriesOf } from './merge-entries.ts';
import type { MergeSection } from './merge-schema.ts';
import type { ArchitectureReading } from './model-architecture.ts';

/**
 * The architecture of the models of a configuration that stands by itself, from the first one whose folder is at hand.
 *
 * @param folder where relative paths start
 * @param named the folders that `${name}` stands for
 */
export function architectureAtHand(
  merge: MergeSection,
  folder: string,
  named: Readonly<Record<string, string>> = {},
): ArchitectureReading | undefined {
  const models = [merge.base_model, ...(entriesOf(merge) ?? []).map(({ model }) => model)];
  for (const model of models) {
    const filled = model?.replace(/\$\{([^}]*)\}/g, (text, name: string) => named[name] ?? text);
    if (!filled || filled.includes('${')) continue;
    // A folder, or a folder and the adapter on it.
    for (const part of [filled, filled.slice(0, Math.max(0, filled.lastIndexOf('+')))]) {
      // Not path.resolve in one: the bundler would take it for a file below its own folder, and copy what it finds.
      const file = path.join(path.resolve(folder, part), 'config.json');
      if (part === '' || !isFile(file)) continue;
      const reading = readConfigFile(file);
      if ('architecture' in reading) return reading;
    }
  }
  return undefined;
}
