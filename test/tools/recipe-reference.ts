import { RULES } from '@prometheus-actions/recipe';
import { type JsonSchema, RECIPE_FILES, type RecipeFile } from '@prometheus-actions/recipe/json-schemas';
import trainingKeys from '../../packages/recipe/src/training-keys.json' with { type: 'json' };

/** docs/recipe-reference.md: each file of a recipe as a table of its keys. */
export function recipeReference(schemas: Record<RecipeFile, JsonSchema>): string {
  const sections = RECIPE_FILES.map((file) =>
    [
      `## ${schemas[file].title}`,
      `${schemas[file].description} Schema: [${file}.schema.json](../recipes/schemas/${file}.schema.json).`,
      file === 'training' ? trainingTables(schemas[file]) : tables(schemas[file]),
    ].join('\n\n'),
  );
  return `${HEAD}\n\n${[...sections, rulesSection()].join('\n\n')}\n`;
}

/** What `validate` says of a recipe, by the name of the rule. */
function rulesSection(): string {
  const rows = Object.entries(RULES).map(([name, { severity, summary }]) =>
    line([code(name), severity, summary]),
  );
  const head = 'What `validate` says. An error keeps a recipe from being run; a warning is likely a mistake.';
  return ['## Rules', head, [line(['rule', '', '']), line(['---', '---', '---']), ...rows].join('\n')].join(
    '\n\n',
  );
}

const HEAD = `<!-- Generated from packages/recipe/src by npm run generate. -->

# Recipe reference

Every key of every file. What the files are for: [recipes.md](recipes.md). \`a.b\` is the key \`b\` in the mapping \`a\`; \`a[].b\`, in
each mapping of the list \`a\`; NAME is a name of yours. A key is required where it says so. [Editors](recipes.md#editors) show
the same while you write.`;

function tables(schema: JsonSchema): string {
  const parts = [table(rows(schema, ''))];
  for (const [name, definition] of Object.entries(schema.definitions ?? {})) {
    const { description, ...rest } = definition as JsonSchema;
    parts.push(`### ${name}`, description ?? '', table(rows(rest, '')));
  }
  return parts.join('\n\n');
}

function trainingTables(schema: JsonSchema): string {
  const everything = Object.entries(schema.properties ?? {}) as [string, JsonSchema][];
  const all = everything.filter(([, { deprecated }]) => !deprecated);
  const only = (wanted: (key: string, property: JsonSchema) => boolean) =>
    table(rows({ properties: Object.fromEntries(all.filter(([key, found]) => wanted(key, found))) }, ''));
  const isTrls = (key: string) => key in trainingKeys.keys;
  const older = everything
    .filter(([, { deprecated }]) => deprecated)
    .map(([key, { description = '' }]) => line([code(key), description]));
  return [
    "### This project's keys",
    only((key) => !isTrls(key)),
    `### Keys of TRL ${trainingKeys.trl}`,
    "The default is that of a run here: the profiles' where they have one, else TRL's. None is shown for what is then worked out from other keys or the machine.",
    only((key, { description }) => isTrls(key) && description !== undefined),
    '### More keys of TRL',
    'They are passed on to TRL and mean what [its documentation](https://huggingface.co/docs/trl/sft_trainer) says.',
    only((key, { description }) => isTrls(key) && description === undefined),
    '### Keys of older recipes',
    'They are understood, with a notice.',
    [line(['key', 'what became of it']), line(['---', '---']), ...older].join('\n'),
  ].join('\n\n');
}

type Row = { key: string; values: string; value: string; meaning: string };

/** A row for each key, those within it below it. */
function rows(schema: JsonSchema, prefix: string): Row[] {
  if (schema.anyOf) {
    // Of a list among other ways to write a value, `valuesOf` names the keys.
    return (schema.anyOf as JsonSchema[]).filter(({ items }) => !items).flatMap((one) => rows(one, prefix));
  }
  const { items, additionalProperties, properties = {}, required = [] } = schema;
  if (isSchema(items)) return rows(items, `${prefix.replace(/\.$/, '')}[].`);
  const named = isSchema(additionalProperties) ? property('NAME', additionalProperties, false, prefix) : [];
  const known = Object.entries(properties).flatMap(([key, value]) =>
    property(key, value as JsonSchema, required.includes(key), prefix),
  );
  return [...named, ...known];
}

function property(key: string, schema: JsonSchema, required: boolean, prefix: string): Row[] {
  const meaning = `${schema.description ?? ''}${required ? ' **Required.**' : ''}`.trim();
  const value = schema.default === undefined ? '' : code(literal(schema.default));
  const own = { key: code(`${prefix}${key}`), values: valuesOf(schema), value, meaning };
  return [own, ...rows(schema, `${prefix}${key}.`)];
}

function literal(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TYPES: Record<string, string> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'mapping',
  array: 'list',
  null: 'null',
};

function valuesOf(schema: JsonSchema): string {
  if (schema.$ref) {
    const name = schema.$ref.replace('#/definitions/', '');
    return `[${name}](#${name})`;
  }
  // Beside a type, alternatives are about ranges, which the meaning tells.
  if (schema.anyOf && !schema.type) return (schema.anyOf as JsonSchema[]).map(alternative).join(', ');
  const fixed = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (fixed) return fixed.map((value) => code(literal(value))).join(', ');
  if (schema.type === undefined) return 'anything';
  return [schema.type].flat().map(typeOf(schema)).join(', ');
}

function alternative(schema: JsonSchema): string {
  const keys = isSchema(schema.items) && schema.items.properties;
  return keys ? `list of {${Object.keys(keys).join(', ')}}` : valuesOf(schema);
}

function typeOf(schema: JsonSchema): (type: string) => string {
  return (type) => {
    if (type === 'array' && isSchema(schema.items)) return `list of ${valuesOf(schema.items)}`;
    return type === 'integer' || type === 'number' ? `${TYPES[type]}${range(schema)}` : `${TYPES[type]}`;
  };
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  return [
    minimum === undefined ? '' : ` from ${minimum}`,
    exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`,
    maximum === undefined ? '' : ` to ${maximum}`,
    exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`,
  ].join('');
}

function table(found: Row[]): string {
  const meant = found.some(({ meaning }) => meaning !== '');
  const cells = ({ key, values, value, meaning }: Row) => [key, values, value, ...(meant ? [meaning] : [])];
  const head = ['key', 'values', 'default', ...(meant ? ['meaning'] : [])];
  return [line(head), line(head.map(() => '---')), ...found.map((row) => line(cells(row)))].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells
    .map((cell) =>
      cell
        .replaceAll('|', '\\|')
        .replaceAll('\n', ' ')
        .replace(/(?<!`)\$\{\w+\}/g, '`$&`'),
    )
    .join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
