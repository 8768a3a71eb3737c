export type { ArrowOutput } from './arrow-output.ts';
export type { Column, ColumnType } from './column-table.ts';
export {
  type DatasetSettings,
  type PreparedDataset,
  type PrepareOptions,
  prepareDataset,
} from './prepare-dataset.ts';
export { sourceFiles } from './sources/source-files.ts';
export type { SplitSettings } from './split.ts';
export type { LengthMetrics, RepeatMetrics, SplitMetrics } from './split-metrics.ts';
