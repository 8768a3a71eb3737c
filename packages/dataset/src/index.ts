export type { ArrowOutput } from './arrow-output.ts';
export type { Column, ColumnType } from './column-table.ts';
export type { DataReport } from './data-report.ts';
export { dataReportFindings } from './data-report-findings.ts';
export { dataReportMarkdown } from './data-report-markdown.ts';
export { reportLines } from './data-report-table.ts';
export { dataReportText } from './data-report-text.ts';
export { hasTail } from './length-summary.ts';
export {
  type DatasetSettings,
  type PreparedDataset,
  type PrepareOptions,
  prepareDataset,
} from './prepare-dataset.ts';
export { isDataFile, sourceFiles } from './sources/source-files.ts';
export type { SplitSettings } from './split.ts';
export type { TokenCounter, TokenLimit } from './token-estimate.ts';
export { SCALE_VERDICTS } from './verdict.ts';
