import { lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import path from 'node:path';

/** Where a path inside a folder leads, by the links on its way. */
export type Route = {
  /** The folder's own path without links; as it was given where that is not known. */
  root: string;
  /** Every link on the way, by its own path without links, in the order in which they are followed. */
  links: Buffer[];
} /** `below`: the names from the folder's own place on, one character a byte. */ & (
  | { end: 'found'; real: Buffer; below: string[]; stats: Stats }
  /** Nothing is there, at the end or before; `real` is what would be there. */
  | { end: 'missing'; real: Buffer }
  /** A link, or a `..`, leads out of the folder: nothing outside was looked at, not even whether it is there. */
  | { end: 'outside' }
  /** The system can't say: too many links, a name that is too long, a folder that may not be entered. */
  | { end: 'unknown'; code: string }
);

/** As many as Linux follows. */
const MOST_LINKS = 40;
const NOTHING = new Set(['ENOENT', 'ENOTDIR']);

/**
 * Follows a path inside a folder, link by link. Names are bytes: the file systems of Linux know no encoding, and Node's
 * own functions do not find what is not UTF-8.
 *
 * @param root absolute; links on the way to the folder itself are followed wherever they lead
 * @param file absolute, inside the root by its text
 */
export function followLinks(root: string, file: string): Route {
  const links: Buffer[] = [];
  let folder: string;
  try {
    folder = bytesOf(realpathSync.native(root, 'buffer'));
  } catch (error) {
    const code = codeOf(error);
    return NOTHING.has(code)
      ? { root, links, end: 'missing', real: Buffer.from(file) }
      : { root, links, end: 'unknown', code };
  }
  const way = { root: Buffer.from(folder, 'latin1').toString(), links };
  const roots = [folder, bytesOf(Buffer.from(root))];
  let parts = splitPath(bytesOf(Buffer.from(path.relative(root, file))));
  let here: string[] = [];
  let stats: Stats | undefined;
  const at = (names: readonly string[]) => Buffer.from([folder, ...names].join('/'), 'latin1');
  try {
    stats = lstatSync(at([]));
    for (let next = parts.shift(); next !== undefined; next = parts.shift()) {
      if (!stats.isDirectory()) return { ...way, end: 'missing', real: at([...here, next, ...parts]) };
      if (next === '..') {
        if (here.length === 0) return { ...way, end: 'outside' };
        here = here.slice(0, -1);
        stats = lstatSync(at(here));
        continue;
      }
      const found = lstatSync(at([...here, next]), { throwIfNoEntry: false });
      if (!found) return { ...way, end: 'missing', real: at([...here, next, ...parts]) };
      if (!found.isSymbolicLink()) {
        here = [...here, next];
        stats = found;
        continue;
      }
      const link = at([...here, next]);
      if (links.push(link) > MOST_LINKS) return { ...way, end: 'unknown', code: 'ELOOP' };
      const target = bytesOf(readlinkSync(link, 'buffer'));
      if (target.startsWith('/')) {
        const known = roots.find((each) => target === each || target.startsWith(`${each}/`));
        if (known === undefined) return { ...way, end: 'outside' };
        here = [];
        stats = lstatSync(at([]));
        parts = [...splitPath(target.slice(known.length)), ...parts];
      } else parts = [...splitPath(target), ...parts];
    }
    return { ...way, end: 'found', real: at(here), below: here, stats };
  } catch (error) {
    const code = codeOf(error);
    return NOTHING.has(code) ? { ...way, end: 'missing', real: at(here) } : { ...way, end: 'unknown', code };
  }
}

function splitPath(text: string): string[] {
  return text.split('/').filter((part) => part !== '' && part !== '.');
}

/** One character a byte, so that text functions work on it. */
function bytesOf(bytes: Buffer): string {
  return bytes.toString('latin1');
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
