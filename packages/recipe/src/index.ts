export { architectureOf, readConfigFile } from './base-model-architecture.ts';
export { checkExpert } from './check-expert.ts';
export { checkLocation, type FileKind, fixFiles } from './check-file.ts';
export { checkMerge } from './check-merge.ts';
export { checkMergekit, sharedPart } from './check-mergekit.ts';
export { checkSchema } from './check-schema.ts';
export {
  type Diagnostic,
  didYouMean,
  formatDiagnostic,
  inSourceOrder,
  RecipeError,
} from './diagnostics.ts';
export { type Launch, readLaunchConfig } from './launch.ts';
export { fullNames, type LinearModule, linearModules } from './linear-modules.ts';
export { loadRecipe, type Recipe, type RecipeOptions, readRecipe } from './load-recipe.ts';
export { keepsMasterWeights } from './master-weights.ts';
export { architectureAtHand } from './merge-architecture.ts';
export { type MergeSection, mergekitSchema, mergeSchema } from './merge-schema.ts';
export { type ModelName, mapMergekitModels, modelName } from './mergekit-models.ts';
export { type ArchitectureReading, type ModelArchitecture, readArchitecture } from './model-architecture.ts';
export { fullyMatching } from './model-modules.ts';
export { isLora, makePlan, type Plan, type PlannedStage, type StageName } from './plan.ts';
export type { BaseModel } from './read-base-model.ts';
export { deriveAccumulation, type Expert, readTrainingFile } from './read-experts.ts';
export type { Merge } from './read-merge.ts';
export { type RecipeDifference, recipeDifference } from './recipe-difference.ts';
export { type RecipeFile, recipeFiles } from './recipe-files.ts';
export type { DatasetSection, SourceSection } from './recipe-schema.ts';
export { RULES, type RuleCode, type Severity } from './rules.ts';
export { sarifLog } from './sarif.ts';
export { formatWithSource } from './source-excerpt.ts';
export { type ContentChange, plannedSettings, type StageConsequence } from './stage-consequences.ts';
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
export { withinTime } from './within-time.ts';
export { MOST_SETTINGS_BYTES, readYamlFile, settingsText } from './yaml-file.ts';
