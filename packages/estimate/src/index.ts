export { estimateMarkdown } from './estimate-markdown.ts';
export {
  type EstimateOptions,
  type ExpertEstimate,
  estimateRecipe,
  type RecipeEstimate,
} from './estimate-recipe.ts';
export { estimateText } from './estimate-text.ts';
export { checkFit, type Fit, type Suggestion } from './fit.ts';
export { type Gpu, type Gpus, namedGpus, parseGpu } from './gpus.ts';
export { misfit } from './misfit.ts';
export { type KnownRows, publishedRows, type Schedule } from './schedule.ts';
export { type TrainingSetup, trainingSetup } from './training-setup.ts';
