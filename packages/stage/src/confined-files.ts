import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { confinement, enclosureOf } from './confinement.ts';
import { ConfigurationError } from './errors.ts';
import { followLinks } from './links.ts';
import { visibleText } from './visible-text.ts';

/** A path that may not be read: it leads out of the folder that it is confined to, or can't be followed. */
export class RefusedPath extends ConfigurationError {
  /** What is wrong with it, without its name. */
  readonly reason: string;

  constructor(name: string, reason: string, hint: string) {
    super(`${name} ${reason}`, { hint });
    this.reason = reason;
  }
}

/**
 * The one way to read a file whose name or place a stranger may have chosen. Under a confinement the path is followed
 * link by link, and what is then opened is compared, by its descriptor, with where the links lead: nothing outside is
 * opened, listed or looked for. Without one these are Node's own functions.
 *
 * @param file absolute, or relative to the working folder
 * @throws RefusedPath; Node's error where the system refuses
 */
export async function openFile(file: string): Promise<FileHandle> {
  return withPlace(file, (place) => open(place));
}

/** The content of a file; see {@link openFile}. */
export function readFile(file: string): Buffer {
  return withPlace(file, (place) => readFileSync(place));
}

/** The first bytes of a file, at most `bytes` of them; see {@link openFile}. */
export function readStart(file: string, bytes: number): Buffer {
  return withPlace(file, (place) => {
    const descriptor = openSync(place, 'r');
    try {
      const start = Buffer.alloc(bytes);
      return start.subarray(0, readSync(descriptor, start));
    } finally {
      closeSync(descriptor);
    }
  });
}

/** What a path leads to; undefined where nothing is there. See {@link openFile}. */
export function statFile(file: string): Stats | undefined {
  const found = locate(file);
  return found === 'free' ? statSync(file, { throwIfNoEntry: false }) : found?.stats;
}

/** Whether something that may be read is there. */
export function isThere(file: string): boolean {
  try {
    return statFile(file) !== undefined;
  } catch {
    return false;
  }
}

/** Whether a regular file that may be read is there. */
export function isFile(file: string): boolean {
  return isThere(file) && statFile(file)?.isFile() === true;
}

/** Why a path may not be read; undefined where it may, or where nothing is there. */
export function refusalOf(file: string): RefusedPath | undefined {
  try {
    statFile(file);
    return undefined;
  } catch (error) {
    return error instanceof RefusedPath ? error : undefined;
  }
}

/**
 * Names beside a file, for a hint; none of a folder that the user alone knows, and of which a stranger may ask.
 */
export function siblingNames(file: string): string[] {
  const folder = path.dirname(path.resolve(file));
  if (confinement() && typeof enclosureOf(folder) === 'string') return [];
  try {
    return listFolder(folder).entries.map(({ name }) => name);
  } catch {
    return [];
  }
}

export interface Listing {
  /** In the order of their code units. */
  entries: Dirent[];
  /** Names that are not UTF-8, which no path of ours can name. */
  unnameable: number;
}

/** What is in a folder; see {@link openFile}. */
export function listFolder(folder: string): Listing {
  const entries = withPlace(folder, (place) =>
    readdirSync(place, { withFileTypes: true, encoding: 'buffer' }),
  );
  const nameable = entries.filter(({ name }) => isUtf8(name));
  return {
    entries: nameable.map((entry) => named(entry, folder)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    unnameable: entries.length - nameable.length,
  };
}

function named(entry: Dirent<Buffer>, folder: string): Dirent {
  return Object.assign(Object.create(Object.getPrototypeOf(entry)), entry, {
    name: entry.name.toString(),
    parentPath: folder,
  }) as Dirent;
}

/** Linux opens what has this flag without an effect on it, also a device or a pipe. Node does not name it. */
const O_PATH = 0o10000000;
const DESCRIPTORS = '/proc/self/fd';

/** Gives `use` a path under which the system opens just what was checked. */
function withPlace<Result>(file: string, use: (place: string) => Result): Result {
  const found = locate(file);
  if (found === 'free') return use(file);
  if (found === undefined) throw missing(file);
  const { real, stats } = found;
  if (process.platform !== 'linux') return use(real.toString());
  const descriptor = openSync(real, O_PATH | constants.O_NOFOLLOW);
  const place = `${DESCRIPTORS}/${descriptor}`;
  try {
    const { dev, ino } = fstatSync(descriptor);
    if (dev !== stats.dev || ino !== stats.ino || !readlinkSync(place, 'buffer').equals(real))
      throw refused(file, 'was replaced while it was opened', 'Run again when nothing writes there.');
    const result = use(place);
    if (!(result instanceof Promise)) {
      closeSync(descriptor);
      return result;
    }
    const closed = result.finally(() => closeSync(descriptor));
    return closed.catch((error) => Promise.reject(withName(error, place, file))) as Result;
  } catch (error) {
    closeSync(descriptor);
    throw withName(error, place, file);
  }
}

/** Node's error with the name that the caller knows. */
function withName(error: unknown, place: string, file: string): unknown {
  if (error instanceof Error && 'path' in error) {
    error.message = error.message.replaceAll(place, file);
    error.path = file;
  }
  return error;
}

function locate(file: string): { real: Buffer; stats: Stats } | 'free' | undefined {
  if (file.includes('\0')) return undefined;
  const absolute = path.resolve(file);
  const enclosure = enclosureOf(absolute);
  if (enclosure === 'free') return 'free';
  if (enclosure === 'outside') throw refused(file, 'leads out of the workspace', NAME_IT);
  const route = followLinks(enclosure.root, absolute);
  if (route.end === 'missing') return undefined;
  if (route.end === 'outside') throw refused(file, 'leads out of the workspace', NAME_IT);
  if (route.end === 'unknown') throw refused(file, `can't be followed: ${route.code}`, NAME_IT);
  const problem = oddity(route.stats, route.below, enclosure.isStrangers);
  if (problem) throw refused(file, ...problem);
  if (enclosure.isStrangers && route.stats.isFile() && isHollow(route.real.toString(), route.stats))
    throw refused(file, `has ${route.stats.size} bytes, nearly all of them a hole`, 'Write the file again.');
  return route;
}

const NAME_IT = 'Put the file itself into the repository, and name it from there.';

/** Bytes from which that counts: less is read at once. */
const HOLLOW_BYTES = 1 << 20;
/** No compression of a file system makes real data so small. */
const HOLLOW_RATIO = 100;
const BLOCK_BYTES = 512;
const PROBES = 16;
const PROBE_BYTES = 4096;

/** Why something in the workspace is not taken for a file or folder of its own. */
function oddity(
  stats: Stats,
  below: readonly string[],
  isStrangers: boolean,
): [problem: string, hint: string] | undefined {
  // `.git` holds the credentials of a checkout that keeps them.
  if (isStrangers && below.some((name) => name.toLowerCase() === '.git'))
    return ["is one of git's own files", 'Name a file of the repository.'];
  if (stats.isDirectory()) return undefined;
  if (!stats.isFile()) return ['is neither a file nor a folder', 'Put a file there.'];
  if (!isStrangers) return undefined;
  // What a checkout writes has one name. Another one may be that of any file of the machine.
  if (stats.nlink > 1) return ['is a hard link to a file with another name', 'Put a copy there (cp).'];
  return undefined;
}

/** Whether a large file is all zeros where it is looked at, and takes hardly any room: reading it would take for ever. */
function isHollow(place: string, { size, blocks }: Stats): boolean {
  if (size < HOLLOW_BYTES || blocks * BLOCK_BYTES * HOLLOW_RATIO >= size) return false;
  // Some file systems do not say what room a file takes.
  const descriptor = openSync(place, 'r');
  try {
    const probe = Buffer.alloc(PROBE_BYTES);
    return Array.from({ length: PROBES }, (_, at) => Math.floor((size / PROBES) * (at + 0.5))).every(
      (position) => probe.subarray(0, readSync(descriptor, probe, { position })).every((byte) => byte === 0),
    );
  } finally {
    closeSync(descriptor);
  }
}

/** The error for a path, by its name in the workspace where it is there. */
export function refused(file: string, problem: string, hint: string): RefusedPath {
  const rule = confinement();
  const short = rule ? path.relative(rule.root, path.resolve(file)) : file;
  const name = short.startsWith('..') ? file : short || '.';
  return new RefusedPath(visibleText(name), problem, hint);
}

function missing(file: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`ENOENT: no such file or directory, open '${file}'`);
  error.code = 'ENOENT';
  error.path = file;
  return error;
}
