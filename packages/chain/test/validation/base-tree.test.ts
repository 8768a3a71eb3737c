import { mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GitError } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { baseOfEvent } from '../../src/validation/base-commit.ts';
import { openBaseTree } from '../../src/validation/base-tree.ts';
import { type Repository, repository } from './repository.ts';

describe('the commit that is compared with', () => {
  it('has its own texts, whatever the working tree has', () => {
    const here = repository('first');
    const text = readFileSync(path.join(here.folder, 'judges/first/merge.yaml'), 'utf8');
    here.edit('judges/first/merge.yaml', 'weight: 1.0', 'weight: 0.5');
    const tree = openBaseTree(here.folder, 'HEAD');
    expect(tree.commit).toMatch(/^[0-9a-f]{40}$/);
    expect(tree.read('judges/first/merge.yaml')).toBe(text);
    expect(tree.read('judges/first')).toBeUndefined();
    expect(tree.read('../outside')).toBeUndefined();
    expect(tree.read('/etc/passwd')).toBeUndefined();
  });

  it('knows what changed: committed, staged or neither', () => {
    const here = repository('first');
    const base = here.git('rev-parse', 'HEAD');
    here.edit('judges/first/merge.yaml', '1.0', '0.5');
    here.commit();
    here.edit('judges/first/dataset.yaml', '42', '43');
    here.git('add', '--all');
    here.edit('judges/first/absolute.yaml', '42', '43');
    here.write('judges/first/new.yaml', 'a: 1');
    const tree = openBaseTree(path.join(here.folder, 'judges'), base);
    const state = (file: string) => {
      const absolute = path.join(here.folder, 'judges/first', file);
      return [tree.has(absolute), tree.isChanged(absolute)];
    };
    expect(state('merge.yaml')).toEqual([true, true]);
    expect(state('dataset.yaml')).toEqual([true, true]);
    expect(state('absolute.yaml')).toEqual([true, true]);
    expect(state('relative.yaml')).toEqual([true, false]);
    expect(state('new.yaml')).toEqual([false, false]);
    expect(state('*.json')).toEqual([true, false]);
    expect(state('a*.yaml')).toEqual([true, true]);
    expect(state('data')).toEqual([true, false]);
    expect(state('..')).toEqual([true, true]);
  });

  it('sees no change in a file that was only written anew', () => {
    const here = repository('first');
    const file = path.join(here.folder, 'judges/first/merge.yaml');
    writeFileSync(file, readFileSync(file));
    expect(openBaseTree(here.folder, 'HEAD').isChanged(file)).toBe(false);
  });

  it('follows links within the repository and none that lead out of it or in a circle', () => {
    const here = repository();
    here.write('shared/merge.yaml', 'shared');
    here.write('a/etc/passwd', 'what an absolute link does not mean');
    for (const [link, target] of [
      ['a/merge.yaml', '../shared/merge.yaml'],
      ['a/folder', '../shared'],
      ['a/out.yaml', '../../../../../../etc/passwd'],
      ['a/absolute.yaml', '/etc/passwd'],
      ['a/circle', 'circle'],
      ['a/self', '.'],
    ] as const)
      symlinkSync(target, path.join(here.folder, link));
    here.commit();
    const tree = openBaseTree(here.folder, 'HEAD');
    expect(tree.read('a/merge.yaml')).toBe('shared');
    expect(tree.read('a/folder/merge.yaml')).toBe('shared');
    expect(tree.read('a/self/self/merge.yaml')).toBe('shared');
    for (const file of ['a/out.yaml', 'a/absolute.yaml', 'a/circle', 'a/circle/x'])
      expect(tree.read(file)).toBeUndefined();
  });

  it('has files of any name', () => {
    const here = repository();
    const names = ['--output=x', 'a b', '"quoted"', 'new\nline', '\u001b[31m', 'ü', ';touch x', '$(x)', '-'];
    for (const name of names) here.write(name, name);
    here.commit();
    const tree = openBaseTree(here.folder, 'main');
    for (const name of names) expect(tree.read(name)).toBe(name);
  });

  it('runs no program that the tree asks for', () => {
    const here = repository('first');
    here.write('.gitattributes', '*.yaml diff=mine filter=mine\n');
    here.commit();
    const base = here.git('rev-parse', 'HEAD');
    const ran = path.join(here.folder, 'ran');
    here.git('config', 'diff.mine.textconv', `touch ${ran};cat`);
    here.git('config', 'diff.mine.command', `touch ${ran}`);
    here.edit('judges/first/merge.yaml', '1.0', '0.5');
    const tree = openBaseTree(here.folder, base);
    expect(tree.isChanged(path.join(here.folder, 'judges/first/merge.yaml'))).toBe(true);
    expect(tree.has(ran)).toBe(false);
    expect(() => readFileSync(ran)).toThrow('ENOENT');
  });

  it.each(['HEAD@{now}', 'HEAD~0^{tree}', 'a..b', '--all', ''])('is not %j', (base) => {
    const here = repository('first');
    expect(() => openBaseTree(here.folder, base)).toThrow('is not the name of a commit');
  });
});

describe('where there is nothing to compare with, the reason is said', () => {
  /** A clone over git's own protocol, as a checkout is. */
  const cloned = (here: Repository, ...options: string[]) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clone-'));
    here.git('config', 'uploadpack.allowFilter', 'true');
    here.git('clone', '--quiet', ...options, `file://${here.folder}`, folder);
    return folder;
  };
  const history = () => {
    const here = repository('first');
    const base = here.git('rev-parse', 'HEAD');
    here.edit('judges/first/merge.yaml', '1.0', '0.5');
    here.commit();
    return { here, base };
  };

  it('a checkout that is shallow', () => {
    const { here, base } = history();
    expect(() => openBaseTree(cloned(here, '--depth=1'), base)).toThrow(
      /is not in this checkout, which has not all commits \(it is shallow\)\n {2}Check out with fetch-depth: 0/,
    );
    expect(openBaseTree(cloned(here, '--depth=2'), base).commit).toBe(base);
  });

  it('a commit that a whole checkout lacks', () => {
    const { here } = history();
    const gone = 'f'.repeat(40);
    expect(() => openBaseTree(cloned(here), gone)).toThrow(
      new RegExp(
        `this repository has no commit ${gone}\\n {2}In a step before this one: git fetch origin ${gone}`,
      ),
    );
  });

  it('a branch of which only the remote one is there, and one that is nowhere', () => {
    const { here } = history();
    here.git('branch', 'next');
    const folder = cloned(here);
    expect(() => openBaseTree(folder, 'next')).toThrow(
      /no commit, tag or branch next\n {2}Write origin\/next\./,
    );
    expect(() => openBaseTree(folder, 'nothing')).toThrow(
      /branch nothing\n {2}In a step before .* fetch origin nothing/,
    );
  });

  it('a partial clone that lacks the folders of the commit, which are not fetched', () => {
    const { here, base } = history();
    const folder = cloned(here, '--filter=tree:0');
    // What git did not fetch at once it would fetch from there.
    renameSync(here.folder, `${here.folder}-gone`);
    expect(() => openBaseTree(folder, base)).toThrow(
      /the checkout is a partial clone, and does not have all files of that commit\n {2}Check out without filter/,
    );
  });

  it('what is no commit', () => {
    const { here } = history();
    const file = here.git('rev-parse', 'HEAD:judges/first/merge.yaml');
    expect(() => openBaseTree(here.folder, file)).toThrow(
      /git rev-parse fails: error: .*expected commit type/,
    );
  });

  it('no repository', () => {
    expect(() => openBaseTree('/', 'HEAD')).toThrow(GitError);
  });
});

describe('the base of an event', () => {
  const baseOf = (payload: unknown) => {
    const here = repository();
    here.write('event.json', JSON.stringify(payload));
    return baseOfEvent(path.join(here.folder, 'event.json'));
  };
  const commit = 'a'.repeat(40);

  it.each([
    ['a pull request', { pull_request: { base: { sha: commit, ref: 'main' } } }, commit],
    ['a merge queue', { merge_group: { base_sha: commit } }, commit],
    ['a push', { before: commit }, undefined],
    ['a payload with something else there', { pull_request: { base: { sha: '--help' } } }, undefined],
    ['a payload of another shape', { pull_request: 7 }, undefined],
  ])('of %s', (_, payload, expected) => {
    expect(baseOf(payload)).toBe(expected);
  });

  it('is none without a payload', () => {
    expect(baseOfEvent(undefined)).toBeUndefined();
  });
});
