import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../system/command.ts';
import { changelogSection, releaseNotes } from '../tools/release-notes.mjs';

const CHANGELOG = `# Changelog

## [Unreleased]

- not yet

## [1.2.0] - 2026-01-31

### Added

- \`clean\`

## [1.1.0] - 2026-01-01

## [1.0.0]

- first

[1.0.0]: https://example.org
`;

describe('the section of a version', () => {
  it.each([
    ['1.2.0', '### Added\n\n- `clean`'],
    ['1.0.0', '- first'],
    ['1.1.0', undefined],
    ['1.2', undefined],
    ['2.0.0', undefined],
  ])('%s', (version, section) => {
    expect(changelogSection(CHANGELOG, version)).toBe(section);
  });
});

describe('the notes of a release', () => {
  const root = temporaryFolder();

  beforeAll(() => {
    writeFileSync(path.join(root, 'package.json'), '{"version":"1.2.0"}');
    writeFileSync(path.join(root, 'CHANGELOG.md'), CHANGELOG);
    const dependencies = { '@prometheus-actions/a': '1.2.0', zod: '4.0.0' };
    for (const folder of ['packages/a', 'actions/b']) {
      mkdirSync(path.join(root, folder), { recursive: true });
      writeFileSync(
        path.join(root, folder, 'package.json'),
        JSON.stringify({ version: '1.2.0', ...(folder === 'actions/b' && { dependencies }) }),
      );
    }
    mkdirSync(path.join(root, 'packages/python'));
    const packages = Object.fromEntries(
      ['', 'packages/a', 'actions/b'].map((key) => [key, { version: '1.2.0' }]),
    );
    writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({ packages }));
  });

  /** The project with another text in place of one. */
  function changed(file: string, from: string, to: string): string {
    const other = temporaryFolder();
    cpSync(root, other, { recursive: true });
    const target = path.join(other, file);
    writeFileSync(target, readFileSync(target, 'utf8').replace(from, to));
    return other;
  }

  it('are those of the tag', () => {
    expect(releaseNotes('v1.2.0', root)).toEqual({ notes: '### Added\n\n- `clean`' });
  });

  it.each([
    ['1.2.0', 'the tag 1.2.0 is not a version such as v1.2.0'],
    ['v1.2', 'the tag v1.2 is not a version such as v1.2.0'],
    ['v1.2.0\n', 'is not a version'],
    ['v1.2.1', 'package.json has the version 1.2.0, and the tag is v1.2.1: set it to 1.2.1'],
  ])('are refused for the tag %j', (tag, problem) => {
    expect(releaseNotes(tag, root)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it.each([
    [
      'a package',
      'actions/b/package.json',
      '"version":"1.2.0"',
      '"version":"1.1.0"',
      'actions/b/package.json has the version 1.1.0',
    ],
    [
      'what it needs',
      'actions/b/package.json',
      'a":"1.2.0"',
      'a":"1.1.0"',
      'actions/b/package.json needs @prometheus-actions/a 1.1.0, and the tag is v1.2.0: set it to 1.2.0',
    ],
    [
      'the lock',
      'package-lock.json',
      '"actions/b":{"version":"1.2.0"}',
      '"actions/b":{"version":"1.1.0"}',
      'package-lock.json has actions/b/package.json at the version 1.1.0: run npm install',
    ],
    ['the changelog', 'CHANGELOG.md', '[1.2.0] -', '[1.2.0-rc.1] -', 'says nothing under'],
  ])('are refused where %s was forgotten', (_, file, from, to, problem) => {
    expect(releaseNotes('v1.2.0', changed(file, from, to))).toEqual({
      problem: expect.stringContaining(problem),
    });
  });

  it('find every package of this project at one version', () => {
    const { version } = JSON.parse(readFileSync(path.join(PROJECT_ROOT, 'package.json'), 'utf8'));
    const result = releaseNotes(`v${version}`, PROJECT_ROOT);
    expect(JSON.stringify(result)).not.toMatch(/has the version|needs @|package-lock/);
  });
});
