import { z } from 'zod';
import { type Diagnostic, didYouMean } from './diagnostics.ts';
import type { Finding, YamlFile } from './yaml-file.ts';

/**
 * Checks a YAML file against a schema; every issue becomes a diagnostic at its line and column.
 *
 * @returns the parsed value, or `undefined` where there is an error
 */
export function checkSchema<Schema extends z.ZodType>(
  schema: Schema,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): z.output<Schema> | undefined {
  const result = schema.safeParse(yaml.data, { reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    for (const { at, finding } of explain(issue, schema)) diagnostics.push(yaml.diagnose(at, finding));
  }
  return undefined;
}

type Explained = { at: { path: PropertyKey[]; key?: boolean }; finding: Finding };

function explain(issue: z.core.$ZodIssue, schema: z.ZodType): Explained[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, issue.path));
    return issue.keys.map((key) => ({
      at: { path: [...issue.path, key], key: true },
      finding: {
        code: 'unknown-key',
        message: `unknown key ${key}`,
        hint: didYouMean(key, known) ?? `Known here: ${known.join(', ')}.`,
      },
    }));
  }
  const name = issue.path.length > 0 ? issue.path.map(String).join('.') : 'the file';
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.path.length > 0) {
    return [{ at: { path: issue.path }, finding: { code: 'missing-key', message: `${name} is missing` } }];
  }
  const code = issue.code === 'invalid_type' ? 'wrong-type' : 'bad-value';
  return [{ at: { path: issue.path }, finding: { code, message: `${name}: ${issue.message}` } }];
}

function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  for (const key of path) {
    const inner = unwrap(current);
    if (inner instanceof z.ZodObject) current = inner.shape[String(key)] as z.ZodType | undefined;
    else if (inner instanceof z.ZodRecord) current = inner.valueType as z.ZodType;
    else if (inner instanceof z.ZodArray) current = inner.element as z.ZodType;
    else return undefined;
  }
  return unwrap(current);
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable
    ? unwrap(schema.unwrap() as z.ZodType)
    : schema;
}

function keysOf(schema: z.ZodType | undefined): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
