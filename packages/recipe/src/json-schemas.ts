import { type JsonSchema, jsonSchemaOf } from './json-schema-of.ts';
import { launchConfigSchema } from './launch-schema.ts';
import { METHODS } from './merge-methods.ts';
import { mergeSchema } from './merge-schema.ts';
import { datasetFileSchema, recipeSchema } from './recipe-schema.ts';
import { trainingJsonSchema } from './training-json-schema.ts';

export type { JsonSchema } from './json-schema-of.ts';

/** The files of a recipe, by what their schema is called. */
export const RECIPE_FILES = ['recipe', 'dataset', 'training', 'merge', 'launch'] as const;
export type RecipeFile = (typeof RECIPE_FILES)[number];

/**
 * JSON Schemas of the files of a recipe, for editors. What they refuse the checker refuses; it refuses more, since it sees
 * all files together. They are of draft-07: editors read it in all of its parts, SchemaStore recommends it, and
 * redhat.vscode-yaml falls back to it; of later drafts nothing is needed.
 */
export function jsonSchemas(): Record<RecipeFile, JsonSchema> {
  return {
    recipe: titled('recipe.yaml', 'What the chain does.', jsonSchemaOf(recipeSchema)),
    dataset: titled(
      'dataset.yaml',
      'How each dataset is prepared: where its rows come from, how they become messages, which are for testing.',
      jsonSchemaOf(datasetFileSchema),
    ),
    training: titled(
      'Training file',
      "Training arguments of one expert: this project's keys, and those of TRL's SFTConfig and ModelConfig.",
      trainingJsonSchema(),
    ),
    merge: titled('merge.yaml', 'A mergekit configuration, as this project runs it.', mergeFileSchema()),
    launch: titled('Launch config', 'How accelerate starts training.', jsonSchemaOf(launchConfigSchema)),
  };
}

function titled(title: string, description: string, schema: JsonSchema): JsonSchema {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title, description, ...schema };
}

function mergeFileSchema(): JsonSchema {
  const perMethod = Object.entries(METHODS).map(([method, { shared, perModel, needsBase }]) => {
    // The checker lets these stand where they ask for what is done anyway.
    const parameters = {
      type: ['object', 'null'],
      propertyNames: { enum: [...new Set([...shared, ...perModel, 'int8_mask', 'rescale'])] },
    };
    return {
      if: { properties: { merge_method: { const: method } }, required: ['merge_method', 'models'] },
      then: {
        ...(needsBase && { required: ['base_model'] }),
        properties: {
          parameters,
          models: { type: 'array', items: { type: 'object', properties: { parameters } } },
        },
      },
    };
  });
  return { ...jsonSchemaOf(mergeSchema), allOf: perMethod as JsonSchema[] };
}
