import path from 'node:path';
import { listFolder, RefusedPath, statFile } from './confined-files.ts';

export interface FoundEntry {
  /** Below the folder, with `/`. */
  path: string;
  isFolder: boolean;
  isLink: boolean;
  isFile: boolean;
}

export interface FolderWalk {
  /** All that is below the folder, folders before what is in them, each folder sorted by code unit. */
  entries: FoundEntry[];
  /** What could not be looked at, each with the reason. */
  unread: string[];
}

interface WalkOptions {
  /** Whether to look into a folder, given by its path below the first; all by default, and no links. */
  enters?: (entry: FoundEntry) => boolean;
}

/**
 * All that is below a folder, as far as it may be read. Links are not followed by themselves, so that none leads in a
 * circle.
 *
 * @throws RefusedPath where the folder itself may not be read; Node's error where the system refuses that
 */
export function walkFolder(folder: string, { enters = isOwnFolder }: WalkOptions = {}): FolderWalk {
  const walk: FolderWalk = { entries: [], unread: [] };
  const look = (below: string) => {
    const { entries, unnameable } = listFolder(path.join(folder, below));
    if (unnameable > 0) walk.unread.push(`${below || '.'}: ${unnameable} of its names are not UTF-8`);
    for (const each of entries) {
      const entry: FoundEntry = {
        path: path.posix.join(below, each.name),
        isFolder: each.isDirectory(),
        isLink: each.isSymbolicLink(),
        isFile: each.isFile(),
      };
      walk.entries.push(entry);
      if (!enters(entry)) continue;
      try {
        look(entry.path);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        walk.unread.push(
          `${shortened(entry.path)}: ${error instanceof RefusedPath ? error.reason : (code ?? message)}`,
        );
      }
    }
  };
  look('');
  return walk;
}

/** The end of a long path, by which its folder is known best. */
function shortened(file: string): string {
  return file.length > SHOWN ? `…${file.slice(-SHOWN)}` : file;
}

const SHOWN = 100;

function isOwnFolder({ isFolder }: FoundEntry): boolean {
  return isFolder;
}

/**
 * The absolute paths that match a pattern, sorted by code unit. It works as Node's `globSync`, with two differences. Under a
 * confinement it looks at nothing outside; a link that leads out is among the paths, and opening it is refused. And `**`
 * follows one link at its end, wherever it is in the pattern.
 *
 * @param pattern absolute
 */
export function globFiles(pattern: string): string[] {
  if (!isSimplePattern(pattern)) return [];
  const parts = pattern.split('/');
  const first = parts.findIndex(isMagic);
  const folder = parts.slice(0, first).join('/') || '/';
  const rest = parts.slice(first);
  return found(folder, followed(folder, rest))
    .map(({ path: file }) => file)
    .filter((file) => path.matchesGlob(file, rest.join('/')))
    .map((file) => path.join(folder, file))
    .sort(byCodeUnit);
}

/** Whether a pattern is one of those whose matching takes no time to speak of: others multiply, in few characters. */
export function isSimplePattern(pattern: string): boolean {
  const choices = [...pattern.matchAll(/\{([^{}]*)\}/g)].map(([, list = '']) => list.split(',').length);
  const isNested = /\{[^}]*\{/.test(pattern);
  return (
    pattern.length <= MOST_CHARACTERS &&
    !/[?*+@!]\(|\.\.[^/]*\}/.test(pattern) &&
    !isNested &&
    choices.reduce((product, count) => product * count, 1) <= MOST_CHOICES &&
    (pattern.match(/\*/g) ?? []).length <= MOST_STARS
  );
}

const MOST_CHARACTERS = 4096;
const MOST_CHOICES = 100;
const MOST_STARS = 20;

/** Into which folders a pattern leads: through links where it names them, and at the end of `**`. */
function followed(folder: string, rest: readonly string[]): (entry: FoundEntry) => boolean {
  const any = rest.lastIndexOf('**');
  const afterAny = rest.length - any - 1;
  const links = new Set<string>();
  return ({ path: file, isFolder, isLink }) => {
    if (!isFolder && !(isLink && leadsToFolder(path.join(folder, file)))) return false;
    const parts = file.split('/');
    const isBehindLink = parts.some((_, index) => index > 0 && links.has(parts.slice(0, index).join('/')));
    // Links in what is behind a link multiply.
    if (isLink && isBehindLink && any >= 0) return false;
    if (isLink) links.add(file);
    if (any < 0) return parts.length < rest.length && !(isLink && isMagic(rest[parts.length - 1]));
    const link = parts.findIndex((_, index) => links.has(parts.slice(0, index + 1).join('/')));
    return link < 0 || parts.length - link <= afterAny;
  };
}

function isMagic(part = ''): boolean {
  return /[*?[{]/.test(part);
}

function found(folder: string, enters: (entry: FoundEntry) => boolean): FoundEntry[] {
  try {
    return walkFolder(folder, { enters }).entries;
  } catch {
    return [];
  }
}

function leadsToFolder(file: string): boolean {
  try {
    return statFile(file)?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : 1;
}
