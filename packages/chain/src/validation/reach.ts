import path from 'node:path';
import { followLinks, globFiles, walkFolder } from '@prometheus-actions/stage';

/**
 * Every place of a repository that decides what is read under a path: each link on the way, and the place where it ends, even
 * if nothing is there. For a folder or a pattern, also the same for each link in it. A change to one of these places changes
 * what is read.
 *
 * @param root absolute path of the repository
 * @param file absolute; a file, a folder or a pattern
 * @returns paths in the repository
 */
export function reach(root: string, file: string): string[] {
  const places = new Set<string>();
  const visited = new Set<string>();
  const follow = (each: string) => {
    const route = followLinks(root, each);
    for (const link of route.links) places.add(path.relative(route.root, link.toString()));
    if (route.end !== 'found' && route.end !== 'missing') return;
    const place = path.relative(route.root, route.real.toString());
    places.add(place);
    if (route.end === 'missing' || !route.stats.isDirectory() || visited.has(place)) return;
    visited.add(place);
    const folder = path.join(root, place);
    for (const entry of walked(folder)) if (entry.isLink) follow(path.join(folder, entry.path));
  };
  follow(file);
  if (/[*?[{]/.test(file)) {
    for (const match of globFiles(file)) follow(match);
    // What it found in the commit may be gone: the pattern as it is where its folder really is.
    const parts = file.split('/');
    const magic = parts.findIndex((part) => /[*?[{]/.test(part));
    const route = followLinks(root, parts.slice(0, magic).join('/'));
    if (route.end === 'found')
      places.add(path.join(path.relative(route.root, route.real.toString()), ...parts.slice(magic)));
  }
  return [...places];
}

/** What can't be listed is not read by a check either. */
function walked(folder: string): ReturnType<typeof walkFolder>['entries'] {
  try {
    return walkFolder(folder).entries;
  } catch {
    return [];
  }
}
