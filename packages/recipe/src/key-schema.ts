import { z } from 'zod';

/** A key of another tool's configuration, as packages/trainer's scripts dump it. */
export interface KeyDescription {
  /** JSON types of its values; `any` for what JSON can't say. */
  types: readonly string[];
  choices?: readonly string[];
  default?: unknown;
  /** Of a section: the keys in it. */
  keys?: Record<string, KeyDescription>;
}

type Texts = Readonly<Record<string, string>>;

/** Keys that may all be left out, each with its text and its default, which stand in the JSON Schema. */
export function keySchemas(keys: Record<string, KeyDescription>, texts: Texts): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(keys).map(([name, key]) => [name, keySchema(key, texts[name], texts)]),
  );
}

function keySchema(key: KeyDescription, text: string | undefined, texts: Texts): z.ZodType {
  return valueSchema(key, texts)
    .meta({
      ...(text !== undefined && { description: text }),
      ...(key.default !== undefined && { default: key.default }),
    })
    .optional();
}

function valueSchema(key: KeyDescription, texts: Texts): z.ZodType {
  if (key.types.includes('any')) return z.unknown();
  const types = key.types.filter((type) => type !== 'null');
  const alternatives = types.map((type) => typeSchema(type, key, texts));
  const [only] = alternatives;
  const value =
    only && alternatives.length === 1 ? only : z.union(alternatives, `expected ${types.join(' or ')}`);
  return key.types.includes('null') ? value.nullable() : value;
}

function typeSchema(type: string, { choices, keys }: KeyDescription, texts: Texts): z.ZodType {
  switch (type) {
    case 'boolean':
      return z.boolean();
    case 'integer':
      return z.int();
    case 'number':
      return z.number();
    case 'string':
      return choices ? z.enum(choices) : z.string();
    case 'array':
      return z.array(z.unknown());
    case 'object':
      return keys ? z.strictObject(keySchemas(keys, texts)) : z.looseObject({});
    default:
      throw new Error(`no schema for the type ${type}`);
  }
}
