import path from 'node:path';
import { confined, confinementFrom, isThere } from '@prometheus-actions/stage';
import type { Diagnostic } from './diagnostics.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import { missingFile, readYamlFile, type YamlFile } from './yaml-file.ts';

/** Reads a file that `recipe.yaml` names; when it isn't there, the finding stands where it is named. */
export function readReferenced(
  from: YamlFile,
  at: string[],
  name: string,
  diagnostics: Diagnostic[],
): YamlFile | undefined {
  const folder = path.dirname(from.file);
  const file = resolveInRecipe(
    name,
    { root: folder, from: folder },
    (finding) => from.diagnose({ path: at }, finding),
    diagnostics,
  );
  return confined(confinementFrom(from.file), () => {
    if (isThere(file)) return readYamlFile(file, diagnostics);
    diagnostics.push(from.diagnose({ path: at }, missingFile(path.basename(file), file)));
    return undefined;
  });
}
