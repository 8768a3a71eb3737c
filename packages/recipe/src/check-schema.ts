import { z } from 'zod';
import { type Diagnostic, didYouMean, nearest } from './diagnostics.ts';
import { issueWords, unquoted } from './issue-words.ts';
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
  const result = schema.safeParse(yaml.data, { reportInput: true, error: issueWords });
  if (result.success) return result.data;
  const explained = result.error.issues.flatMap((issue) => explain(issue, schema));
  const misspelt = new Set(explained.map(({ meant }) => meant?.join('\n')));
  for (const { at, finding } of explained) {
    // Said once: the misspelt key is the one that is missing.
    if (finding.code === 'missing-key' && misspelt.has(at.path.join('\n'))) continue;
    diagnostics.push(yaml.diagnose(at, finding));
  }
  return undefined;
}

interface Explained {
  at: { path: PropertyKey[]; key?: boolean };
  finding: Finding;
  /** Path of the key that an unknown one was likely to be. */
  meant?: PropertyKey[] | undefined;
}

function explain(issue: z.core.$ZodIssue, schema: z.ZodType): Explained[] {
  const name = issue.path.length > 0 ? issue.path.map(String).join('.') : 'the file';
  if (
    (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union') &&
    issue.input === undefined &&
    issue.path.length > 0
  ) {
    return [{ at: { path: issue.path }, finding: { code: 'missing-key', message: `${name} is missing` } }];
  }
  const meant = issue.code === 'invalid_union' && meantAlternative(issue.errors);
  if (meant) {
    return meant.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, schema));
  }
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, issue.path));
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      return {
        at: { path: [...issue.path, key], key: true },
        finding: {
          code: 'unknown-key',
          message: `unknown key ${key}`,
          hint: didYouMean(key, known) ?? `Known here: ${known.join(', ')}.`,
        },
        meant: near === undefined ? undefined : [...issue.path, near],
      };
    });
  }
  const message = `${name}: ${issue.message}`;
  if (issue.code === 'invalid_type') {
    const hint = unquoted(issue.input, [issue.expected]);
    return [{ at: { path: issue.path }, finding: { code: 'wrong-type', message, hint } }];
  }
  const choices = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const hint = typeof issue.input === 'string' ? didYouMean(issue.input, choices) : undefined;
  return [{ at: { path: issue.path }, finding: { code: 'bad-value', message, hint } }];
}

/** The issues of the one alternative of a union that the value was meant to be; undefined where several may be meant. */
function meantAlternative(alternatives: z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const isAnotherKind = (depth: number) => (issues: z.core.$ZodIssue[]) =>
    issues.some(
      ({ code, path }) => path.length <= depth && (code === 'invalid_type' || code === 'invalid_value'),
    );
  const ofThisKind = alternatives.filter((issues) => !isAnotherKind(0)(issues));
  const left = ofThisKind.length > 1 ? ofThisKind.filter((issues) => !isAnotherKind(1)(issues)) : ofThisKind;
  return left.length === 1 ? left[0] : undefined;
}

function schemaAt(schema: z.ZodType | undefined, path: readonly PropertyKey[]): z.ZodType | undefined {
  const [key, ...rest] = path;
  const current = unwrap(schema);
  if (current instanceof z.ZodUnion) {
    const found = current.options.map((option) => schemaAt(option as z.ZodType, path));
    return found.find((candidate) => candidate instanceof z.ZodObject) ?? found.find(Boolean);
  }
  if (key === undefined) return current;
  if (current instanceof z.ZodObject)
    return schemaAt(current.shape[String(key)] as z.ZodType | undefined, rest);
  if (current instanceof z.ZodRecord) return schemaAt(current.valueType as z.ZodType, rest);
  if (current instanceof z.ZodArray) return schemaAt(current.element as z.ZodType, rest);
  return undefined;
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable
    ? unwrap(schema.unwrap() as z.ZodType)
    : schema;
}

function keysOf(schema: z.ZodType | undefined): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
