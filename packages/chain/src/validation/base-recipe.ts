import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Launch,
  type Recipe,
  type RecipeFile,
  type RecipeOptions,
  readLaunchConfig,
  readRecipe,
  recipeFiles,
} from '@prometheus-actions/recipe';
import { confined, isBelow, PROJECT_ROOT, readFile } from '@prometheus-actions/stage';
import { type BaseTree, matching } from './base-tree.ts';

/**
 * A recipe as it is in the base commit, with all paths as if it stood in the working tree.
 *
 * @param file absolute path of its first file, in the working tree
 * @returns undefined where it was not right
 */
export function recipeInBase(tree: BaseTree, file: string, options: RecipeOptions): Recipe | undefined {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'base-')));
  try {
    const files = recipeFiles(file, (named) => textInBase(tree, named));
    for (const named of files) copyFromBase(tree, named, folder);
    const inFolder = { root: folder, also: [PROJECT_ROOT], outside: 'refused' } as const;
    return confined(inFolder, () => {
      const { recipe } = readRecipe(path.join(folder, path.relative(tree.root, file)), options);
      const launch = recipe && launchInBase(tree, recipe, files, folder);
      return launch && withPaths({ ...recipe, launch }, folder, tree.root);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Whether a file of a recipe is other than in the base commit; of settings also where the commit does not have it.
 */
export function isChangedSince(tree: BaseTree, file: RecipeFile): boolean {
  const place = path.join(tree.root, inRepository(tree, file));
  const isSettings = file.kind === 'settings' || (file.kind === 'launch' && isBelow(place, tree.root));
  return tree.isChanged(place) || (isSettings && !tree.has(place));
}

function textInBase(tree: BaseTree, file: RecipeFile): string | undefined {
  return tree.read(inRepository(tree, file));
}

/** Settings with their text, of data and models that they are there: what is in them nobody looks at here. */
function copyFromBase(tree: BaseTree, file: RecipeFile, folder: string): void {
  const relative = inRepository(tree, file);
  if (file.kind === 'settings' || file.kind === 'launch') {
    const text = textInBase(tree, file);
    if (text !== undefined) write(path.join(folder, relative), text);
  } else {
    for (const found of matching(tree.paths, relative)) {
      const file = path.join(folder, found);
      // A folder of data may hold the settings, too, which have their text by then.
      if (!existsSync(file)) write(file, '');
    }
  }
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/**
 * Path of a file in the repository. A launch config of the project by its name stands in the folder of the action: where
 * the repository has the same file, it is the project's own, and its commit's is looked at.
 */
function inRepository({ root }: BaseTree, { path: file, kind }: RecipeFile): string {
  if (kind !== 'launch' || isBelow(file, root)) return path.relative(root, file);
  const own = path.relative(PROJECT_ROOT, file);
  return isSameFile(file, path.join(root, own)) ? own : path.relative(root, file);
}

function isSameFile(one: string, other: string): boolean {
  try {
    return readFile(one).equals(readFile(other));
  } catch {
    return false;
  }
}

/** How training was launched, where the launch config of that name was another one. */
function launchInBase(
  tree: BaseTree,
  { launch }: Recipe,
  files: readonly RecipeFile[],
  folder: string,
): Launch | undefined {
  const named = files.find(({ kind, path: file }) => kind === 'launch' && file === launch.configFile);
  if (!named || textInBase(tree, named) === undefined) return launch;
  const copied = path.join(folder, inRepository(tree, named));
  const read = readLaunchConfig(copied, folder, launch.processes, []);
  return read && { ...launch, config: read.config };
}

/** The same value with one folder in its paths instead of another. */
function withPaths<Value>(value: Value, from: string, to: string): Value {
  const replaced = (inner: unknown): unknown => {
    if (typeof inner === 'string') {
      return path.isAbsolute(inner) && isBelow(inner, from)
        ? path.join(to, path.relative(from, inner))
        : inner;
    }
    if (Array.isArray(inner)) return inner.map(replaced);
    if (inner === null || typeof inner !== 'object') return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, entry]) => [key, replaced(entry)]));
  };
  return replaced(value) as Value;
}
