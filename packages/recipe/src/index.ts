export { checkMerge } from './check-merge.ts';
export { checkSchema } from './check-schema.ts';
export {
  type Diagnostic,
  formatDiagnostic,
  inSourceOrder,
  RecipeError,
  type Severity,
} from './diagnostics.ts';
export { type Launch, readLaunchConfig } from './launch.ts';
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
export { isLora, makePlan, type Plan, type PlannedStage, type StageName } from './plan.ts';
export type { Merge } from './read-merge.ts';
export { type RecipeDifference, recipeDifference } from './recipe-difference.ts';
export { type RecipeFile, recipeFiles } from './recipe-files.ts';
export type { DatasetSection, SourceSection } from './recipe-schema.ts';
export { type Rules, sarifLog } from './sarif.ts';
export { formatWithSource } from './source-excerpt.ts';
export type { ContentChange, StageConsequence } from './stage-consequences.ts';
export {
  adapterSettings,
  argumentsOnCpu,
  baseModelSettings,
  datasetSettings,
  mergeSettings,
  type TrainingStageSettings,
  trainingSettings,
} from './stage-settings.ts';
export type { TrainingSection } from './training-schema.ts';
export { visibleText } from './visible-text.ts';
export { MOST_SETTINGS_BYTES, readYamlFile } from './yaml-file.ts';
