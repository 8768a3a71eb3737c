import { existsSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { checkSchema } from './check-schema.ts';
import type { Diagnostic } from './diagnostics.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import { missingFile, readYamlFile, type YamlFile } from './yaml-file.ts';

/** Reads a file that `recipe.yaml` names; when it isn't there, the finding stands where it is named. */
export function readReferenced<Schema extends z.ZodType>(
  from: YamlFile,
  at: string[],
  name: string,
  schema: Schema,
  diagnostics: Diagnostic[],
  check?: (yaml: YamlFile, section: z.output<Schema>) => void,
): z.output<Schema> | undefined {
  const folder = path.dirname(from.file);
  const file = resolveInRecipe(
    name,
    { root: folder, from: folder },
    (finding) => from.diagnose({ path: at }, finding),
    diagnostics,
  );
  if (!existsSync(file)) {
    diagnostics.push(from.diagnose({ path: at }, missingFile(path.basename(file), file)));
    return undefined;
  }
  const yaml = readYamlFile(file, diagnostics);
  const section = yaml && checkSchema(schema, yaml, diagnostics);
  if (yaml && section !== undefined) check?.(yaml, section);
  return section;
}
