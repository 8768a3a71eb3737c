import path from 'node:path';
import { isThere, type Reporter, statFile, walkFolder } from '@prometheus-actions/stage';
import { recipeLocation } from '../recipe-location.ts';

/** Which recipes are asked for. */
export interface Selection {
  /** Folders, files and names, as they were given. */
  named: readonly string[];
  /** Whether a file of the workspace, by its path there, is a recipe that a pattern asks for. */
  matches: (file: string) => boolean;
  /** Patterns that no file matches. */
  unmatched: (files: readonly string[]) => string[];
}

/** Every recipe of a workspace. */
const ALL = '**/recipe.yaml';
/** Folders that hold no recipes of the workspace's own. */
const LEFT_OUT = new Set(['.git', 'node_modules']);

/**
 * Reads folders, names and patterns: `judges/*` are the folders there that have a `recipe.yaml`, `judges/*.yaml` files
 * of any name; after a `!` stands what is left out.
 */
export function selectRecipes(lines: readonly string[]): Selection {
  const [excluded, included] = [lines.filter(isExclusion), lines.filter((line) => !isExclusion(line))];
  const patterns = included.length === 0 ? [ALL] : included.filter(isPattern);
  const isExcluded = (file: string) =>
    excluded.some((line) => fits(file, line.slice(1).trim()) || isWithin(file, line.slice(1).trim()));
  return {
    named: included.filter((line) => !isPattern(line)),
    matches: (file) => patterns.some((pattern) => fits(file, pattern)) && !isExcluded(file),
    unmatched: (files) => patterns.filter((pattern) => !files.some((file) => fits(file, pattern))),
  };
}

/**
 * Recipes in the workspace that patterns ask for, and those that are named; none twice.
 *
 * @returns folders, or files of another name than `recipe.yaml`, as they are written in the input `recipe`
 */
export function findRecipes(
  selection: Selection,
  workspace: string,
  reporter: Pick<Reporter, 'warning'>,
): string[] {
  const found = yamlFiles(workspace, reporter).filter(selection.matches).map(shortLocation);
  const locations = [...selection.named.map(recipeLocation), ...found];
  const seen = new Set<string>();
  return locations.filter((location) => {
    const absolute = path.resolve(workspace, location);
    const isNew = !seen.has(absolute);
    seen.add(absolute);
    return isNew;
  });
}

/** The folder of a `recipe.yaml`; a file of another name as it is. */
export function shortLocation(file: string): string {
  return path.posix.basename(file) === 'recipe.yaml' ? path.posix.dirname(file) : file;
}

function isExclusion(line: string): boolean {
  return line.startsWith('!');
}

function isPattern(line: string): boolean {
  return /[*?[{]/.test(line) && !isThere(line);
}

/** Whether a pattern stands for a file, or for its folder where it is a `recipe.yaml`. */
function fits(file: string, pattern: string): boolean {
  const plain = path.posix.normalize(pattern).replace(/\/$/, '');
  return path.matchesGlob(file, /\.ya?ml$/.test(plain) ? plain : path.posix.join(plain, 'recipe.yaml'));
}

function isWithin(file: string, folder: string): boolean {
  return file.startsWith(`${path.posix.normalize(folder).replace(/\/$/, '')}/`);
}

/** YAML files of a folder, by their paths there; links to folders are not followed, so that none leads in a circle. */
function yamlFiles(workspace: string, reporter: Pick<Reporter, 'warning'>): string[] {
  const { entries, unread } = walkFolder(workspace, {
    enters: ({ isFolder, path: folder }) => isFolder && !LEFT_OUT.has(path.posix.basename(folder)),
  });
  const [first] = unread;
  if (first !== undefined) {
    const others = unread.length > 1 ? `, and ${unread.length - 1} more` : '';
    reporter.warning(`recipes were not looked for everywhere: ${first}${others}`);
  }
  return entries
    .filter(
      ({ isFile, isLink, path: file }) =>
        /\.ya?ml$/.test(file) && (isFile || (isLink && !leadsToFolder(path.join(workspace, file)))),
    )
    .map(({ path: file }) => file);
}

/** A link that leads out, or to nothing, is named as a recipe and found to be none. */
function leadsToFolder(link: string): boolean {
  return isThere(link) && statFile(link)?.isDirectory() === true;
}
