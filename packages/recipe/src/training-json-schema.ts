import { z } from 'zod';
import { type JsonSchema, jsonSchemaOf } from './json-schema-of.ts';
import { type KeyDescription, keySchemas } from './key-schema.ts';
import { OLDER_KEYS, OLDER_VALUES, type OlderKey } from './older-keys.ts';
import { TRAINING_KEY_TEXTS } from './training-key-texts.ts';
import trainingKeys from './training-keys.json' with { type: 'json' };
import { ownKeysSchema } from './training-schema.ts';
import { CHOICES, jsonSchemaLimits } from './training-values.ts';

/** TRL's keys; those that are this project's or older ones too are told as such. */
const KEYS = Object.entries(trainingKeys.keys as Record<string, KeyDescription>).filter(
  ([key]) => !Object.hasOwn(OLDER_KEYS, key) && !Object.hasOwn(ownKeysSchema.shape, key),
);

/** What each profile leaves of the values of a key. */
const PROFILES = Object.entries(
  trainingKeys.profiles as Record<string, Readonly<Record<string, readonly unknown[]>>>,
);

/** The JSON Schema of training files: this project's keys, TRL's, and those of older recipes. */
export function trainingJsonSchema(): JsonSchema {
  const keys = Object.fromEntries(KEYS.map(([key, known]) => [key, withValues(key, known)]));
  const texts = Object.fromEntries(KEYS.map(([key]) => [key, textOf(key)]).filter(([, text]) => text));
  const schema = jsonSchemaOf(z.strictObject({ ...ownKeysSchema.shape, ...keySchemas(keys, texts) }));
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([key, property]) => [
      key,
      { ...(property as JsonSchema), ...jsonSchemaLimits(key) },
    ]),
  );
  return { ...schema, properties: { ...properties, ...olderKeys() }, allOf: PROFILES.map(onlyWith) };
}

/** The choices that the checker knows beside those of TRL's types. */
function withValues(key: string, known: KeyDescription): KeyDescription {
  const choices = known.choices ?? CHOICES[key];
  return choices ? { ...known, choices: [...choices, ...Object.keys(OLDER_VALUES[key] ?? {})] } : known;
}

/** What a key means, and what the profiles leave of its values. */
function textOf(key: string): string {
  const byValues = Map.groupBy(
    PROFILES.filter(([, fixed]) => key in fixed),
    ([, fixed]) => fixed[key]?.join(' or '),
  );
  const limits = [...byValues].map(([values, profiles]) => {
    const names = profiles.map(([name]) => name).join(' and ');
    return profiles.length > 1
      ? `The profiles ${names} allow ${values} only.`
      : `The profile ${names} allows ${values} only.`;
  });
  return [TRAINING_KEY_TEXTS[key] ?? [], limits].flat().join(' ');
}

/** What a profile excludes, in a file that states the profile; one that doesn't is only told. */
function onlyWith([profile, fixed]: (typeof PROFILES)[number]): JsonSchema {
  const values = Object.entries(fixed).filter(([key]) => !Object.hasOwn(ownKeysSchema.shape, key));
  return {
    if: { properties: { profile: { const: profile } }, required: ['profile'] },
    then: { properties: Object.fromEntries(values.map(([key, allowed]) => [key, { enum: [...allowed] }])) },
  } as JsonSchema;
}

/** Keys that the checker understands and tells about. Their values it converts, so that any may stand there. */
function olderKeys(): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(OLDER_KEYS).map(([key, older]) => {
      // Not deprecationMessage, which redhat.vscode-yaml shows as an error. doNotSuggest: it offers the names of today.
      return [key, { description: whatBecameOf(older), deprecated: true, doNotSuggest: true }];
    }),
  );
}

function whatBecameOf(older: OlderKey): string {
  if (older.became === 'another') {
    const value = older.value?.(true);
    const written = typeof value === 'string' ? value : JSON.stringify(value);
    return `Is called ${older.key}${value === undefined ? '' : `: ${written}`} today.`;
  }
  return older.became === 'nothing'
    ? `Has no effect any more: ${older.why}`
    : `Is not read here. ${older.where}`;
}
