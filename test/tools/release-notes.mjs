// Prints what the changelog says of the version of a tag; fails where tag, versions and changelog do not agree. Plain
// JavaScript without packages, since the job that publishes installs nothing.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The section of a changelog (https://keepachangelog.com) about a version.
 *
 * @param {string} changelog
 * @param {string} version without a `v`
 * @returns {string | undefined} undefined where there is none, or an empty one
 */
export function changelogSection(changelog, version) {
  const lines = changelog.split('\n');
  const start = lines.findIndex(
    (line) => line === `## [${version}]` || line.startsWith(`## [${version}] - `),
  );
  if (start < 0) return undefined;
  const next = lines.findIndex((line, index) => index > start && /^## |^\[[^\]]+\]: /.test(line));
  const section = lines
    .slice(start + 1, next < 0 ? undefined : next)
    .join('\n')
    .trim();
  return section || undefined;
}

/**
 * The notes of a release.
 *
 * @param {string} tag `v1.2.0` or `v1.2.0-rc.1`
 * @param {string} root the folder of the repository
 * @returns {{ notes: string } | { problem: string }}
 */
export function releaseNotes(tag, root) {
  const version = /^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$/.exec(tag)?.[1];
  if (version === undefined) return { problem: `the tag ${tag} is not a version such as v1.2.0` };
  for (const file of packageFiles(root)) {
    const { version: found, dependencies = {} } = read(root, file);
    if (found !== version)
      return { problem: `${file} has the version ${found}, and the tag is ${tag}: set it to ${version}` };
    // npm would look for another version of a package of this project in the public registry.
    for (const [name, needed] of Object.entries(dependencies)) {
      if (name.startsWith('@prometheus-actions/') && needed !== version)
        return { problem: `${file} needs ${name} ${needed}, and the tag is ${tag}: set it to ${version}` };
    }
    const locked = read(root, 'package-lock.json').packages[file.replace(/\/?package\.json$/, '')]?.version;
    if (locked !== version)
      return {
        problem: `package-lock.json has ${file} at the version ${locked}: run npm install --package-lock-only`,
      };
  }
  const notes = changelogSection(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8'), version);
  if (notes) return { notes };
  return { problem: `CHANGELOG.md says nothing under "## [${version}]": name there what changed` };
}

/**
 * @param {string} root
 * @param {string} file
 */
function read(root, file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/** @param {string} root */
function packageFiles(root) {
  const folders = ['packages', 'actions'].flatMap((group) =>
    readdirSync(path.join(root, group)).map((name) => `${group}/${name}/package.json`),
  );
  const isThere = (/** @type {string} */ file) =>
    readdirSync(path.join(root, path.dirname(file))).includes('package.json');
  return ['package.json', ...folders.filter(isThere)];
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const result = releaseNotes(process.argv[2] ?? '', path.resolve(import.meta.dirname, '../..'));
  if ('notes' in result) process.stdout.write(`${result.notes}\n`);
  else {
    process.stderr.write(`error: ${result.problem}\n`);
    process.exitCode = 1;
  }
}
