import path from 'node:path';
import {
  checkSchema,
  type Diagnostic,
  mergeSchema,
  RecipeError,
  readYamlFile,
} from '@prometheus-actions/recipe';
import { ConfigurationError } from '@prometheus-actions/stage';
import { z } from 'zod';
import { modelMerge } from '../model-merge.ts';
import { list, planOf, recipeInputs, required, runFromPlan, stageRequest, text } from './request.ts';

export const modelMergeRequest = stageRequest({
  name: 'model-merge',
  summary: 'Merge the experts into one judge, as a mergekit configuration says.',
  inputs: z.strictObject({
    ...recipeInputs,
    config: text('Without a recipe: mergekit configuration; relative model paths start at its folder.'),
    models: list('Without a recipe: what ${NAME} in the configuration stands for, NAME=FOLDER, one a line.'),
    output_dir: text('Without a recipe: the folder to make.'),
  }),
  run: async (inputs, context) => {
    if (inputs.recipe) {
      return runFromPlan(planOf({ ...inputs, recipe: inputs.recipe }, context), 'model-merge', context);
    }
    const file = path.resolve(required(inputs.config, 'config'));
    const diagnostics: Diagnostic[] = [];
    const yaml = readYamlFile(file, diagnostics);
    const merge = yaml && checkSchema(mergeSchema, yaml, diagnostics);
    if (!merge) throw new RecipeError(diagnostics);
    return modelMerge(
      {
        title: 'model-merge',
        merge,
        experts: Object.fromEntries((inputs.models ?? []).map(namedFolder)),
        folder: path.dirname(file),
        outputDir: path.resolve(required(inputs.output_dir, 'output_dir')),
      },
      context,
    );
  },
});

function namedFolder(entry: string): [string, string] {
  const [name, ...folder] = entry.split('=');
  if (name && folder.length > 0) return [name.trim(), path.resolve(folder.join('=').trim())];
  throw new ConfigurationError(`models: ${entry} is not NAME=FOLDER`);
}
