import { realpathSync } from 'node:fs';
import path from 'node:path';
import { MOST_SETTINGS_BYTES } from '@prometheus-actions/recipe';
import { ConfigurationError, GitError, git, isSimplePattern } from '@prometheus-actions/stage';
import { reach } from './reach.ts';

/** The files of a commit that the working tree is compared with. Nothing is checked out, and nothing fetched. */
export interface BaseTree {
  commit: string;
  /** Absolute path of the repository, as it is seen from the folder. */
  root: string;
  /** All files of the commit, by their paths in the repository. */
  paths: readonly string[];
  /** The text of a file of the commit, links within the commit followed; undefined where there is none. */
  read: (file: string) => string | undefined;
  /** Whether the commit has a file, a folder or what a pattern stands for, given by its absolute path. */
  has: (file: string) => boolean;
  /** Whether such files are other in the working tree, as far as git keeps them. */
  isChanged: (file: string) => boolean;
}

interface Entry {
  mode: string;
  object: string;
  bytes: number;
}

const LINK = '120000';
const FILES = new Set(['100644', '100755']);
/** Links that are followed one after the other. */
const MOST_LINKS = 20;

/**
 * Opens a commit of the repository that a folder is in.
 *
 * @throws GitError where git can't answer, or the checkout doesn't have the commit; ConfigurationError for a text that
 *   can't be the name of a commit
 */
export function openBaseTree(folder: string, base: string): BaseTree {
  if (!/^\w[\w./^~-]*$/.test(base) || base.includes('..')) {
    throw new ConfigurationError(`input base: ${JSON.stringify(base)} is not the name of a commit`, {
      hint: 'Give a commit, a tag or a branch, such as origin/main.',
    });
  }
  const top = git(folder, 'rev-parse', '--show-toplevel').replace(/\n$/, '');
  const commit = commitOf(folder, base);
  const listed = git(folder, 'ls-tree', '-r', '-l', '-z', '--full-tree', commit);
  const differing = git(
    folder,
    'diff',
    '--name-only',
    '-z',
    '--no-renames',
    '--no-relative',
    '--no-ext-diff',
    '--no-textconv',
    // A submodule at another commit is a change; what somebody edited in it is not looked at.
    '--ignore-submodules=dirty',
    commit,
    '--',
  );
  const realRoot = realpathSync(top);
  const root = path.resolve(folder, path.relative(realpathSync(folder), realRoot));
  const entries = entriesOf(listed);
  const paths = [...entries.keys()];
  const changed = differing.split('\0').filter(Boolean);
  const isAmong = (candidates: readonly string[], file: string) =>
    [path.relative(root, file), ...reach(root, file)].some((place) => matching(candidates, place).length > 0);
  // They decide how git writes what is below them; it compares what it would keep.
  const attributes = changed
    .filter((each) => path.posix.basename(each) === '.gitattributes')
    .map(path.posix.dirname);
  return {
    commit,
    root,
    paths,
    read: (file) => {
      const entry = entryAt(folder, entries, file);
      return entry && FILES.has(entry.mode) ? blob(folder, entry) : undefined;
    },
    has: (file) => isAmong(paths, file),
    isChanged: (file) =>
      isAmong(changed, file) ||
      [path.relative(root, file), ...reach(root, file)].some((place) =>
        attributes.some((folder) => folder === '.' || place === folder || place.startsWith(`${folder}/`)),
      ),
  };
}

function commitOf(folder: string, base: string): string {
  const resolve = (name: string) =>
    git(folder, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`).trim();
  try {
    return resolve(base);
  } catch (error) {
    // Of a name that it doesn't know it says nothing when it is asked quietly.
    if (!(error instanceof GitError) || error.said !== '') throw error;
  }
  if (git(folder, 'rev-parse', '--is-shallow-repository').trim() === 'true') {
    throw new GitError(
      `${base} is not in this checkout, which has not all commits (it is shallow)`,
      "Check out with fetch-depth: 0 (or 2, for a pull request's merge commit).",
    );
  }
  if (/^[0-9a-f]{7,64}$/.test(base)) {
    throw new GitError(
      `this repository has no commit ${base}`,
      `In a step before this one: git fetch origin ${base}. A branch that was pushed with force has lost its former commits.`,
    );
  }
  const remote = `origin/${base}`;
  const hint = isKnown(() => resolve(remote))
    ? `Write ${remote}.`
    : `In a step before this one: git fetch origin ${base}.`;
  throw new GitError(`this repository has no commit, tag or branch ${base}`, hint);
}

function isKnown(resolve: () => string): boolean {
  try {
    resolve();
    return true;
  } catch {
    return false;
  }
}

/** Those of the paths that are a file, hold it, are in a folder, or what a pattern stands for. */
export function matching(paths: readonly string[], file: string): string[] {
  const isPattern = /[*?[{]/.test(file) && isSimplePattern(file);
  return paths.filter(
    (candidate) =>
      file === '' ||
      candidate === file ||
      candidate.startsWith(`${file}/`) ||
      // A submodule that holds it.
      file.startsWith(`${candidate}/`) ||
      (isPattern && path.matchesGlob(candidate, file)),
  );
}

/** Lines of `git ls-tree -r -l -z`: `mode type object bytes TAB path NUL`. */
function entriesOf(listed: string): Map<string, Entry> {
  return new Map(
    listed
      .split('\0')
      .filter(Boolean)
      .map((line): [string, Entry] => {
        const tab = line.indexOf('\t');
        const [mode = '', , object = '', bytes] = line.slice(0, tab).split(/ +/);
        return [line.slice(tab + 1), { mode, object, bytes: Number(bytes) }];
      }),
  );
}

function blob(folder: string, { object, bytes }: Entry): string | undefined {
  return bytes > MOST_SETTINGS_BYTES ? undefined : git(folder, 'cat-file', 'blob', object);
}

/** The entry at a path, with each link on the way followed; none where a link leads out of the repository. */
function entryAt(
  folder: string,
  entries: ReadonlyMap<string, Entry>,
  file: string,
  links = MOST_LINKS,
): Entry | undefined {
  const parts = path.posix.normalize(file).split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const entry = entries.get(parts.slice(0, length).join('/'));
    if (entry?.mode !== LINK) {
      if (entry && length === parts.length) return entry;
      continue;
    }
    const target = blob(folder, entry);
    if (target === undefined || path.posix.isAbsolute(target) || links === 0) return undefined;
    const followed = path.posix.join(...parts.slice(0, length - 1), target, ...parts.slice(length));
    return entryAt(folder, entries, followed, links - 1);
  }
  return undefined;
}
