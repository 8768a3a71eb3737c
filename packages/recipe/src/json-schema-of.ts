import { z } from 'zod';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

type Types = Exclude<NonNullable<JsonSchema['type']>, string>;

/** The JSON Schema (draft-07) of what a zod schema takes, in the words that editors show best. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => simplify(jsonSchema),
  });
}

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
