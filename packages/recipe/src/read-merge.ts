import path from 'node:path';
import { checkMerge, unknownExpert, unknownNames } from './check-merge.ts';
import type { Diagnostic } from './diagnostics.ts';
import { type MergeSection, mergekitSchema, mergeSchema } from './merge-schema.ts';
import { readReferenced } from './read-referenced.ts';
import type { RecipeSection } from './recipe-schema.ts';
import type { YamlFile } from './yaml-file.ts';

/** How the experts become one model. */
export interface Merge {
  /** A mergekit configuration as it is written; with `engine: mergekit` only mergekit knows all of its keys. */
  config: MergeSection | { merge_method: string };
  /** Folder of the configuration: relative model paths start there. */
  folder: string;
  /** Whether LoRA experts are merged into the base before, each into a model of its own, or while they are read. */
  adapters: 'first' | 'on-the-fly';
  engine: 'native' | 'mergekit';
  /** Of random masks. */
  seed: number;
  /** What config and tokenizer come from, written as in the configuration. */
  donor?: string | undefined;
}

/** Reads the section `merge` of a recipe and the configuration that it names. */
export function readMerge(
  section: RecipeSection['merge'],
  experts: readonly string[],
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Merge | undefined {
  const isPath = typeof section === 'string';
  const { config: name, ...options } = isPath ? { ...DEFAULTS, config: section } : section;
  const names = [...experts, 'base'];
  const file = path.resolve(path.dirname(yaml.file), name);
  const at = isPath ? ['merge'] : ['merge', 'config'];
  if (options.engine === 'mergekit' && options.adapters === 'on-the-fly') {
    diagnostics.push(
      yaml.diagnose(
        { path: ['merge', 'adapters'] },
        {
          code: 'bad-value',
          message: 'mergekit itself can only merge models: adapters must be merged first',
          hint: 'Write adapters: first, or engine: native.',
        },
      ),
    );
  }
  for (const unknown of unknownNames(options.donor ?? '', names)) {
    diagnostics.push(yaml.diagnose({ path: ['merge', 'donor'] }, unknownExpert(unknown, names)));
  }
  const config =
    options.engine === 'mergekit'
      ? readReferenced(yaml, at, file, mergekitSchema, diagnostics)
      : readReferenced(yaml, at, file, mergeSchema, diagnostics, (mergeYaml, found) =>
          checkMerge(found, mergeYaml, diagnostics, names),
        );
  return config && { config, folder: path.dirname(file), ...options };
}

const DEFAULTS = { adapters: 'first', engine: 'native', seed: 0, donor: undefined } as const;
