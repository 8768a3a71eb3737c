import { z } from 'zod';
import { type KeyDescription, keySchemas } from './key-schema.ts';
import { launchConfigSchema } from './launch-schema.ts';
import { mergeSchema } from './merge-schema.ts';
import { OLDER_KEYS } from './older-keys.ts';
import { datasetFileSchema, recipeSchema } from './recipe-schema.ts';
import { TRAINING_KEY_TEXTS } from './training-key-texts.ts';
import trainingKeys from './training-keys.json' with { type: 'json' };
import { ownKeysSchema } from './training-schema.ts';
import { CHOICES, jsonSchemaLimits } from './training-values.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

type Types = Exclude<NonNullable<JsonSchema['type']>, string>;

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
    recipe: titled('recipe.yaml', 'What the chain does.', fromZod(recipeSchema)),
    dataset: titled(
      'dataset.yaml',
      'How each dataset is prepared: where its rows come from, how they become messages, which are for testing.',
      fromZod(datasetFileSchema),
    ),
    training: titled(
      'Training file',
      "Training arguments of one expert: this project's keys, and those of TRL's SFTConfig and ModelConfig.",
      trainingSchema(),
    ),
    merge: titled('merge.yaml', 'A mergekit configuration, as this project runs it.', fromZod(mergeSchema)),
    launch: titled('Launch config', 'How accelerate starts training.', fromZod(launchConfigSchema)),
  };
}

function titled(title: string, description: string, schema: JsonSchema): JsonSchema {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title, description, ...schema };
}

function trainingSchema(): JsonSchema {
  const today = Object.entries(trainingKeys.keys as Record<string, KeyDescription>).filter(
    ([key]) => !Object.hasOwn(OLDER_KEYS, key) && !Object.hasOwn(ownKeysSchema.shape, key),
  );
  const keys = Object.fromEntries(
    today.map(([key, known]) => [key, { ...(CHOICES[key] && { choices: CHOICES[key] }), ...known }]),
  );
  const schema = fromZod(z.strictObject({ ...ownKeysSchema.shape, ...keySchemas(keys, TRAINING_KEY_TEXTS) }));
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([key, property]) => [
      key,
      { ...(property as JsonSchema), ...jsonSchemaLimits(key) },
    ]),
  );
  return { ...schema, properties: { ...properties, ...olderKeys() }, allOf: profileLimits() };
}

/** Keys that the checker understands and tells about. Their values it converts, so that any may stand there. */
function olderKeys(): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(OLDER_KEYS).map(([key, older]) => {
      const description =
        older.became === 'another'
          ? `Is called ${older.key} today.`
          : older.became === 'nothing'
            ? `Has no effect any more: ${older.why}`
            : `Is not read here. ${older.where}`;
      // Not deprecationMessage, which redhat.vscode-yaml shows as an error. doNotSuggest: it offers the names of today.
      return [key, { description, deprecated: true, doNotSuggest: true }];
    }),
  );
}

/** What a profile excludes, in a file that states the profile. */
function profileLimits(): JsonSchema[] {
  return Object.entries(trainingKeys.profiles).map(([profile, limits]) => ({
    if: { properties: { profile: { const: profile } }, required: ['profile'] },
    then: {
      properties: Object.fromEntries(
        Object.entries(limits as Record<string, unknown[]>)
          .filter(([key]) => !Object.hasOwn(ownKeysSchema.shape, key))
          .map(([key, allowed]) => [key, { enum: allowed }]),
      ),
    },
  })) as JsonSchema[];
}

function fromZod(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => simplify(jsonSchema),
  });
}

/** Says the same in the words that editors show best. */
function simplify(schema: JsonSchema): void {
  // zod's bounds of a whole number are those of JavaScript.
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (isEmpty(schema.properties)) delete schema.properties;
  if (isEmpty(schema.additionalProperties)) delete schema.additionalProperties;
  if (isEmpty(schema.items)) delete schema.items;
  // Editors show a text beside a key, and not its default.
  if (schema.default !== undefined) {
    const value = `Default: \`${JSON.stringify(schema.default)}\``;
    schema.markdownDescription = [schema.description, value].filter(Boolean).join('\n\n');
  }
  const types = schema.anyOf?.map(plainTypes);
  if (types?.every((one) => one !== undefined)) {
    delete schema.anyOf;
    schema.type = types.flat();
  }
}

/** The types of a schema that says nothing else. */
function plainTypes(schema: z.core.JSONSchema._JSONSchema): Types | undefined {
  return typeof schema === 'object' && Object.keys(schema).length === 1 && schema.type
    ? [schema.type].flat()
    : undefined;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
