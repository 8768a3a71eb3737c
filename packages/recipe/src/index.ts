export { architectureOf, readConfigFile } from './base-model-architecture.ts';
export { checkMerge } from './check-merge.ts';
export { checkSchema } from './check-schema.ts';
export {
  type Diagnostic,
  didYouMean,
  formatDiagnostic,
  inSourceOrder,
  RecipeError,
  type Severity,
} from './diagnostics.ts';
export { type Launch, readLaunchConfig } from './launch.ts';
export { type LinearModule, linearModules } from './linear-modules.ts';
export {
  type BaseModel,
  deriveAccumulation,
  type Expert,
  loadRecipe,
  type Recipe,
  type RecipeOptions,
  readRecipe,
  readTrainingFile,
} from './load-recipe.ts';
export { type MergeSection, mergekitSchema, mergeSchema } from './merge-schema.ts';
export { type ArchitectureReading, type ModelArchitecture, readArchitecture } from './model-architecture.ts';
export { isLora, makePlan, type Plan, type PlannedStage, type StageName } from './plan.ts';
export type { Merge } from './read-merge.ts';
export type { DatasetSection, SourceSection } from './recipe-schema.ts';
export { formatWithSource } from './source-excerpt.ts';
export type { TrainingSection } from './training-schema.ts';
export { readYamlFile } from './yaml-file.ts';
