import { execFileSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../system/command.ts';
import { act, makeRepository, projectCopy } from './act.ts';

const { folder: project } = projectCopy();

interface Released {
  code: number | null;
  output: string;
  /** What was attested and what gh was asked for, in order. */
  said: string[];
  /** What gh was given to attach, with the notes. */
  attached: string;
  commit: string;
}

/** Runs the job that publishes, as on github.com after a tag was pushed, with a gh that only takes notes. */
function release(version: string, { hasMajorTag = true } = {}): Released {
  const file = path.join(project, '.github/workflows/release.yml');
  // The job before it builds the bundles anew, which is tried where the checks are.
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ {4}needs: check\n/m, ''));
  setVersion(version);
  writeFileSync(path.join(project, 'CHANGELOG.md'), `# Changelog\n\n## [${version}] - 2026-01-31\n\n- new\n`);
  makeRepository(project);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project, encoding: 'utf8' }).trim();

  const tools = temporaryFolder();
  const attached = path.join(tools, 'attached');
  mkdirSync(attached);
  const gh = `#!/usr/bin/env bash
printf 'gh'; printf ' %s' "$@"; echo
case "$1 $2" in 'release create') cp release/* notes.md '${attached}' ;; esac
case "$*" in *PATCH*) exit ${hasMajorTag ? 0 : 1} ;; esac
`;
  writeFileSync(path.join(tools, 'gh'), gh);
  chmodSync(path.join(tools, 'gh'), 0o755);

  const event = path.join(tools, 'event.json');
  writeFileSync(
    event,
    JSON.stringify({ ref: `refs/tags/v${version}`, after: commit, repository: { full_name: 'owner/it' } }),
  );
  const { code, output } = act(
    project,
    ['push', '-W', '.github/workflows/release.yml', '-j', 'publish', '--eventpath', event],
    { PATH: `${tools}:${process.env.PATH}`, GITHUB_REPOSITORY: 'owner/it' },
  );
  const said = [...output.matchAll(/\| ((?:attested|gh) .*?)\r?$/gm)].map(([, line = '']) => line.trim());
  return { code, output, said, attached, commit };
}

/** As CONTRIBUTING.md says: in every package, in what it needs of the project, and in the lock. */
function setVersion(version: string): void {
  const files = globSync(['package.json', '{actions,packages}/*/package.json'], { cwd: project });
  for (const name of [...files, 'package-lock.json']) {
    const file = path.join(project, name);
    const content = JSON.parse(readFileSync(file, 'utf8'));
    const own = Object.entries<Manifest>(content.packages ?? {}).flatMap(([folder, each]) =>
      folder.startsWith('node_modules/') ? [] : [each],
    );
    for (const each of [content as Manifest, ...own]) {
      each.version = version;
      for (const needed of Object.keys(each.dependencies ?? {})) {
        if (needed.startsWith('@prometheus-actions/')) (each.dependencies ?? {})[needed] = version;
      }
    }
    writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
  }
}

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
}

describe('the job that publishes', () => {
  it('attests, attaches, publishes, then moves the tag of the major version', () => {
    const { code, output, said, attached, commit } = release('1.2.3');
    expect(code, output.slice(-4000)).toBe(0);
    const bundles = globSync('actions/*/dist/**/*.js', { cwd: PROJECT_ROOT }).length;
    const archive = 'release/prometheus-actions-v1.2.3.tar.gz';
    expect(said[0]).toMatch(
      new RegExp(`^attested provenance of ${archive}( actions/[\\w-]+/dist/\\S+\\.js){${bundles}}$`),
    );
    expect(said.slice(1, 4)).toEqual([
      `attested release/sbom.cdx.json of ${archive}`,
      `gh release create v1.2.3 ${archive} release/sbom.cdx.json --draft --verify-tag --title v1.2.3 --notes-file notes.md`,
      'gh release edit v1.2.3 --draft=false --latest',
    ]);
    expect(said.slice(4)).toEqual([
      expect.stringMatching(
        `^gh api --silent --method PATCH repos/\\S+/git/refs/tags/v1 -f sha=${commit} -F force=true$`,
      ),
    ]);

    expect(readFileSync(path.join(attached, 'notes.md'), 'utf8')).toBe('- new\n');
    const files = execFileSync('tar', ['-tzf', path.join(attached, path.basename(archive))], {
      encoding: 'utf8',
    }).split('\n');
    expect(files).toContain('prometheus-actions-v1.2.3/actions/sft-train/dist/index.js');
    expect(files.filter((name) => !/^(prometheus-actions-v1\.2\.3\/.*)?$/.test(name))).toEqual([]);
    expect(runtimeParts(path.join(attached, 'sbom.cdx.json'))).toEqual(
      expect.arrayContaining(['@actions/core', 'apache-arrow', 'commander', 'hyparquet', 'zod']),
    );
  });

  it('makes the tag of the major version where there is none', () => {
    const { code, said, commit } = release('2.0.0', { hasMajorTag: false });
    expect(code).toBe(0);
    expect(said.at(-1)).toMatch(
      new RegExp(`^gh api --silent --method POST repos/\\S+/git/refs -f ref=refs/tags/v2 -f sha=${commit}$`),
    );
  });

  it('moves nothing for a pre-release', () => {
    const { code, output, said } = release('1.2.3-rc.1');
    expect(code, output.slice(-4000)).toBe(0);
    expect(said.filter((line) => line.startsWith('gh'))).toEqual([
      expect.stringContaining('gh release create v1.2.3-rc.1 release/prometheus-actions-v1.2.3-rc.1.tar.gz'),
      'gh release edit v1.2.3-rc.1 --draft=false --prerelease',
    ]);
  });
});

/** What a bill of materials in CycloneDX's format says is needed to run, not only to develop. */
function runtimeParts(file: string): string[] {
  const { bomFormat, specVersion, components } = JSON.parse(readFileSync(file, 'utf8'));
  expect([bomFormat, specVersion]).toEqual(['CycloneDX', expect.stringMatching(/^1\.[5-9]$/)]);
  return (components as { name: string; scope: string; purl: string }[]).flatMap(({ name, scope, purl }) =>
    scope === 'required' && purl.startsWith('pkg:npm/') ? [name] : [],
  );
}
