import type { MergeSection } from './merge-schema.ts';
import type { Finding } from './yaml-file.ts';

export type KeyPath = readonly PropertyKey[];
export type MergeReport = (path: KeyPath, finding: Finding, key?: boolean) => void;

/** One model of a configuration, and where it is. */
export interface MergeEntry {
  model: string;
  parameters?: MergeSection['parameters'];
  path: KeyPath;
}

/** The models of a configuration; undefined where it has both `models` and `slices`, or neither. */
export function entriesOf({ models, slices }: MergeSection): MergeEntry[] | undefined {
  if (models && slices) return undefined;
  if (models) return models.map((entry, index) => ({ ...entry, path: ['models', index] }));
  return slices?.[0]?.sources.map((entry, index) => ({
    ...entry,
    path: ['slices', 0, 'sources', index],
  }));
}
