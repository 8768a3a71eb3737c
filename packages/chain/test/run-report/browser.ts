import { existsSync } from 'node:fs';
import path from 'node:path';

/** Chromium on this machine, for pages to be looked at as a reader does; undefined where there is none. */
export function chromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const found = folders.flatMap((folder) => names.map((name) => path.join(folder, name))).find(existsSync);
  if (!found && process.env.CI === 'true')
    throw new Error('there is no Chromium in PATH: .ci/run installs it');
  return found;
}
