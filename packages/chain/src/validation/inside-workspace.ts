import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import {
  type Diagnostic,
  MOST_SETTINGS_BYTES,
  type RecipeFile,
  recipeFiles,
} from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';

/** The rule of these findings. */
export const LEADS_OUT = 'outside-workspace';

/**
 * The files of a recipe, and a finding for each file that would be read and stands in the workspace only by name: a path
 * or a link that leads out of it. Whoever proposes a change could have other files of the machine read and shown by it, so
 * such a recipe is not read. A recipe that stands elsewhere itself is its owner's and may name what it likes.
 */
export function filesInside(
  location: string,
  workspace: string,
): { files: RecipeFile[]; diagnostics: Diagnostic[] } {
  const roots = [workspace, PROJECT_ROOT].map((root) => realpathSync(root));
  const isOwners = !isInside(path.resolve(location), path.resolve(workspace));
  const leadsOut = (file: RecipeFile) => {
    const read = fileRead(file, workspace);
    const real = read && realPath(read);
    return !isOwners && real !== undefined && !roots.some((root) => isInside(real, root));
  };
  const files = recipeFiles(location, (file) => (leadsOut(file) ? undefined : settingsText(file.path)));
  const diagnostics = files.filter(leadsOut).map(({ path: file, report }) =>
    report({
      code: LEADS_OUT,
      message: `${path.relative(workspace, file)} leads out of the workspace`,
      hint: 'Put the file itself into the repository, and name it from there.',
    }),
  );
  return { files, diagnostics };
}

/** What a check reads of a file of a recipe: of data nothing, of the folder of a model its config. */
function fileRead({ path: file, kind }: RecipeFile, workspace: string): string | undefined {
  if (kind === 'data') return undefined;
  if (kind !== 'model' || !statSync(file, { throwIfNoEntry: false })?.isDirectory()) return file;
  // Models may be kept anywhere on a machine; of their config only numbers are told.
  return isInside(file, path.resolve(workspace)) ? path.join(file, 'config.json') : undefined;
}

function isInside(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}${path.sep}`);
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function settingsText(file: string): string | undefined {
  try {
    const info = statSync(file);
    return info.isFile() && info.size <= MOST_SETTINGS_BYTES ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
