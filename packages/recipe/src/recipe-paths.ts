import path from 'node:path';
import type { Diagnostic } from './diagnostics.ts';
import type { Finding } from './yaml-file.ts';

/**
 * The absolute path of what a file of a recipe names.
 *
 * A relative path that leaves the recipe's folder is reported: a recipe is a folder that can be copied and sent, and a
 * path out of it means another file on each machine. An absolute path says that openly.
 *
 * @param root the recipe's folder
 * @param from the folder that relative paths start from
 */
export function resolveInRecipe(
  name: string,
  { root, from }: { root: string; from: string },
  report: (finding: Finding) => Diagnostic,
  diagnostics: Diagnostic[],
): string {
  const absolute = path.resolve(from, name);
  const relative = path.relative(root, absolute);
  if (!path.isAbsolute(name) && (relative === '..' || relative.startsWith(`..${path.sep}`))) {
    const message = `${name} leaves the recipe's folder`;
    const hint = 'Put it into the folder, or write its absolute path.';
    diagnostics.push(report({ code: 'path-outside', message, hint }));
  }
  return absolute;
}
