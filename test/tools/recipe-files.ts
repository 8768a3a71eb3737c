import { jsonSchemas } from '@prometheus-actions/recipe/json-schemas';
import { recipeReference } from './recipe-reference.ts';

/** The JSON Schemas of a recipe's files, and the reference made of them: texts by path. */
export function recipeFiles(): Record<string, string> {
  const schemas = jsonSchemas();
  const files = Object.entries(schemas).map(([name, schema]) => [
    `recipes/schemas/${name}.schema.json`,
    `${JSON.stringify(schema, null, 1)}\n`,
  ]);
  return { ...Object.fromEntries(files), 'docs/recipe-reference.md': recipeReference(schemas) };
}
