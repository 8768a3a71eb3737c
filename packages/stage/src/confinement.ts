import { AsyncLocalStorage } from 'node:async_hooks';
import path from 'node:path';

/**
 * The folder whose files strangers write, and the rule for what is outside of it. In an action it is the workspace: a
 * checkout may hold links to any file of the machine.
 *
 * Without a confinement (the command on the user's own machine) every path is the user's and is followed as it is.
 */
export interface Confinement {
  /** Absolute. A path that is inside by its text must be inside by every link on its way. */
  root: string;
  /** Folders that are not the strangers', in which the same holds: this project's own files. */
  also?: readonly string[];
  /**
   * What is outside by its text: `refused`, or followed where it is named so (an absolute path in a run that somebody
   * with write access started).
   */
  outside: 'refused' | 'by name';
}

const current = new AsyncLocalStorage<Confinement | undefined>();

/** Runs `work`, and all that it awaits, with the files of a confinement; `undefined` lifts one for a path of our own choice. */
export function confined<Result>(confinement: Confinement | undefined, work: () => Result): Result {
  return current.run(confinement, work);
}

/** The confinement that holds here; a thread that is started is given it by its starter. */
export function confinement(): Confinement | undefined {
  return current.getStore();
}

/** The folder that a path has to stay in. */
export interface Enclosure {
  root: string;
  /** Strangers write here: another name of the same file may be anywhere. */
  isStrangers: boolean;
}

/** Where Linux has what is no file of a disk: devices that never end, and the environment of the process. */
const SYSTEM = ['/proc', '/sys', '/dev'];

/** The enclosure of an absolute path; `free` where it may be followed anywhere, `outside` where it may not. */
export function enclosureOf(file: string): Enclosure | 'free' | 'outside' {
  const rule = current.getStore();
  if (!rule) return 'free';
  const { root, also = [], outside } = rule;
  const own = also.find((folder) => isBelow(file, folder));
  // The project's own folder may hold the workspace of a test, or be the workspace itself, or be checked out in it.
  if (own !== undefined && !(isBelow(file, root) && isBelow(root, own)))
    return { root: own, isStrangers: isBelow(own, root) };
  if (isBelow(file, root)) return { root, isStrangers: true };
  return outside === 'refused' || SYSTEM.some((folder) => isBelow(file, folder)) ? 'outside' : 'free';
}

/**
 * Whether a message may show what is in a file. Of one outside, which a run with the right to do so named, its log and
 * summary show nothing: more people read these than that file.
 */
export function mayQuote(file: string): boolean {
  return !current.getStore() || typeof enclosureOf(file) !== 'string';
}

/** The confinement for what a file names: a stranger's file names nothing outside, the owner's whatever it likes. */
export function confinementFrom(file: string): Confinement | undefined {
  const rule = current.getStore();
  return rule && typeof enclosureOf(file) !== 'string' ? { ...rule, outside: 'refused' } : rule;
}

/** Whether a path is a folder or below it, by their texts. */
export function isBelow(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
