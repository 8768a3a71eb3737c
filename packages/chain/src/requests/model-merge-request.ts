import path from 'node:path';
import {
  architectureAtHand,
  checkMerge,
  checkMergekit,
  checkSchema,
  type Diagnostic,
  type Merge,
  type MergeSection,
  mergekitSchema,
  mergeSchema,
  RecipeError,
  readYamlFile,
  sharedPart,
} from '@prometheus-actions/recipe';
import { ConfigurationError } from '@prometheus-actions/stage';
import { z } from 'zod';
import type { NamedModels } from '../merged-models.ts';
import { modelMerge } from '../model-merge.ts';
import { parseModelReference } from '../model-reference.ts';
import { list, text, wholeNumber } from './input-fields.ts';
import { recipeInputs, required, runFromPlan, runOf, stageRequest } from './request.ts';

export const modelMergeRequest = stageRequest({
  name: 'model-merge',
  summary: 'Merge the experts into one judge, as a mergekit configuration says.',
  inputs: z.strictObject({
    ...recipeInputs,
    config: text('Without a recipe: mergekit configuration; relative model paths start at its folder.'),
    models: list('Without a recipe: what ${NAME} in the configuration stands for, NAME=FOLDER, one a line.'),
    adapters: list(
      'Without a recipe: LoRA adapters on the base, merged on the fly; what ${NAME} stands for, NAME=FOLDER, one a line.',
    ),
    base: text('Without a recipe: what ${base} stands for, a folder or id@revision on the Hugging Face hub.'),
    engine: z
      .enum(['native', 'mergekit', ''])
      .transform((value) => value || undefined)
      .optional()
      .describe('Without a recipe: native (default), or mergekit for what only mergekit itself can do.')
      .meta({ type: 'native or mergekit' }),
    seed: wholeNumber('Without a recipe: seed of random masks (default: 0).'),
    donor: text(
      'Without a recipe: the model that config and tokenizer come from, a folder or ${NAME} (default: base_model, else the first model).',
    ),
    output_dir: text('Without a recipe: the folder to make.'),
  }),
  run: async (inputs, context) => {
    if (inputs.recipe) {
      const planned = await runOf({ ...inputs, recipe: inputs.recipe }, context);
      return runFromPlan(planned, 'model-merge', context);
    }
    const engine = inputs.engine ?? 'native';
    const file = path.resolve(required(inputs.config, 'config'));
    const models = namedModels(inputs);
    if (engine === 'mergekit' && inputs.adapters?.length) {
      throw new ConfigurationError('adapters: mergekit itself can only merge models', {
        hint: 'Merge the adapters first (lora-merge), or leave engine out.',
      });
    }
    return modelMerge(
      {
        title: 'model-merge',
        merge: {
          config: readConfig(file, engine, models),
          folder: path.dirname(file),
          adapters: inputs.adapters?.length ? 'on-the-fly' : 'first',
          engine,
          seed: inputs.seed ?? 0,
          donor: inputs.donor,
        },
        models,
        outputDir: path.resolve(required(inputs.output_dir, 'output_dir')),
      },
      context,
    );
  },
});

function readConfig(file: string, engine: Merge['engine'], models: NamedModels): Merge['config'] {
  const diagnostics: Diagnostic[] = [];
  const yaml = readYamlFile(file, diagnostics);
  const config = yaml && checkSchema(engine === 'mergekit' ? mergekitSchema : mergeSchema, yaml, diagnostics);
  if (yaml && config) {
    const known = engine === 'mergekit' ? sharedPart(config) : (config as MergeSection);
    const architecture = known && architectureAtHand(known, path.dirname(file), foldersOf(models));
    if (engine === 'mergekit') {
      checkMergekit(config, architecture, (at, finding, key = false) =>
        diagnostics.push(yaml.diagnose({ path: at, key }, finding)),
      );
    } else checkMerge(config as MergeSection, yaml, diagnostics, { architecture });
  }
  // Of filters that fit no tensor the stage itself warns, which sees the tensors.
  if (!config || diagnostics.some(({ severity }) => severity === 'error')) throw new RecipeError(diagnostics);
  return config;
}

function foldersOf(models: NamedModels): Record<string, string> {
  return Object.fromEntries(
    Object.entries(models).flatMap(([name, model]) => ('path' in model ? [[name, model.path]] : [])),
  );
}

function namedModels(inputs: {
  models?: string[] | undefined;
  adapters?: string[] | undefined;
  base?: string | undefined;
}): NamedModels {
  const models: NamedModels = Object.fromEntries(
    (inputs.models ?? []).map((entry) => {
      const [name, folder] = namedFolder('models', entry);
      return [name, { path: folder }];
    }),
  );
  if (inputs.base) models.base = parseModelReference(inputs.base);
  for (const entry of inputs.adapters ?? []) {
    const [name, adapter] = namedFolder('adapters', entry);
    models[name] = { ...required(models.base, 'base'), adapter };
  }
  return models;
}

function namedFolder(input: string, entry: string): [string, string] {
  const [name, ...folder] = entry.split('=');
  if (name && folder.length > 0) return [name.trim(), path.resolve(folder.join('=').trim())];
  throw new ConfigurationError(`${input}: ${entry} is not NAME=FOLDER`);
}
