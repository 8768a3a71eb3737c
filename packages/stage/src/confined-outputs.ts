import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { refused } from './confined-files.ts';
import { enclosureOf } from './confinement.ts';
import { ConfigurationError } from './errors.ts';
import { walkFolder } from './folder-walk.ts';

/** SQLite, which keeps the lock, would act on it. Our own locks have no content, and so no journal. */
const NO_LOCK = 'is the journal of a lock that this project does not write';
const ITSELF = 'Remove the link, or give the absolute path of the place that is meant.';
const DESCRIPTORS = '/proc/self/fd';
/** Linux opens what has this flag without an effect on it. Node does not name it. */
const O_PATH = 0o10000000;

/**
 * Writes a file whole or not at all: beside its place, and renamed. Its folder is made where it is missing.
 *
 * Under a confinement no link in its place or on the way is followed, since a stranger may have put it there: what is
 * written would replace any file of the machine.
 *
 * @param file absolute, or relative to the working folder
 * @throws ConfigurationError for a link or a folder in its place; Node's error where the system refuses
 */
export async function writeOutput(file: string, content: string): Promise<void> {
  const absolute = path.resolve(file);
  const name = path.basename(absolute);
  const opened = openOutputFolder(path.dirname(absolute));
  const unfinished = path.join(opened.place, `.${name}.${randomUUID()}.unfinished`);
  try {
    await mkdir(opened.place, { recursive: true });
    const target = path.join(opened.place, name);
    const there = await lstat(target).catch(() => undefined);
    if (there?.isSymbolicLink() && opened.isConfined) throw refused(file, 'is a link', ITSELF);
    if (there?.isDirectory()) throw new ConfigurationError(`${file} is a folder`, { hint: 'Name a file.' });
    await writeFile(unfinished, content, { flag: 'wx' });
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw error;
  } finally {
    opened.close();
  }
}

/**
 * Makes the folder that a stage's output will be in, and refuses links under which that output, or a file beside it,
 * would go elsewhere. Does nothing but make the folder where there is no confinement.
 *
 * @param outputDir absolute
 * @throws ConfigurationError
 */
export function prepareOutputPlace(outputDir: string): void {
  const parent = path.dirname(outputDir);
  const opened = openOutputFolder(parent);
  try {
    if (!opened.isConfined) {
      mkdirSync(parent, { recursive: true });
      return;
    }
    const base = path.basename(outputDir);
    for (const entry of readdirSync(opened.place, { withFileTypes: true })) {
      const { name } = entry;
      // The log, the lock, the job and the staging folders.
      if (name !== base && !name.startsWith(`${base}.`) && !name.startsWith(`.${base}.`)) continue;
      if (entry.isSymbolicLink()) throw refused(path.join(parent, name), 'is a link', ITSELF);
      if (name.startsWith(`.${base}.lock-`)) throw refused(path.join(parent, name), NO_LOCK, 'Remove it.');
      if (!entry.isDirectory() || name === base) continue;
      // The folder of an interrupted run, which the next one continues.
      const link = walkFolder(path.join(parent, name)).entries.find(({ isLink }) => isLink);
      if (link) throw refused(path.join(parent, name, link.path), 'is a link', ITSELF);
    }
  } finally {
    opened.close();
  }
}

interface OutputFolder {
  /** A path of the folder itself, whatever becomes of its names. */
  place: string;
  isConfined: boolean;
  close: () => void;
}

/** Opens a folder to write in, and makes it, without following a link; where there is no confinement, its path alone. */
function openOutputFolder(folder: string): OutputFolder {
  const enclosure = enclosureOf(folder);
  if (enclosure === 'outside') throw refused(folder, 'is outside of the workspace', 'Name a file in it.');
  if (enclosure === 'free') return { place: folder, isConfined: false, close: () => {} };
  const real = realpathSync.native(enclosure.root);
  let here = real;
  for (const part of path.relative(enclosure.root, folder).split(path.sep).filter(Boolean)) {
    here = path.join(here, part);
    const named = path.join(enclosure.root, path.relative(real, here));
    if (part.toLowerCase() === '.git') throw refused(named, 'belongs to git', 'Choose another folder.');
    const there = lstatSync(here, { throwIfNoEntry: false });
    if (there === undefined) mkdirSync(here);
    else if (there.isSymbolicLink()) throw refused(named, 'is a link', ITSELF);
    else if (!there.isDirectory()) throw refused(named, 'is a file, not a folder', 'Choose another folder.');
  }
  if (process.platform !== 'linux') return { place: here, isConfined: true, close: () => {} };
  const descriptor = openSync(here, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const place = `${DESCRIPTORS}/${descriptor}`;
  if (readlinkSync(place) !== here) {
    closeSync(descriptor);
    throw refused(folder, 'was replaced while it was opened', 'Run again when nothing writes there.');
  }
  return { place, isConfined: true, close: () => closeSync(descriptor) };
}
