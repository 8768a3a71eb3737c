import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GitError, git } from '../src/git.ts';
import { gitCommit } from '../src/hardware.ts';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'git-')));
  // What the settings of a user say of owners is not looked at.
  vi.stubEnv('HOME', folder);
  vi.stubEnv('GITHUB_ACTION_REF', undefined);
});

afterEach(() => vi.unstubAllEnvs());

/** A repository with one commit. */
function repository(name = 'checkout'): string {
  const made = path.join(folder, name);
  mkdirSync(made);
  writeFileSync(path.join(made, 'file'), 'text');
  const run = (...args: string[]) => execFileSync('git', args, { cwd: made });
  run('init', '--quiet');
  run('add', '--all');
  run('-c', 'user.name=test', '-c', 'user.email=test@example.org', 'commit', '--quiet', '--message=test');
  return made;
}

function reason(where: string): GitError {
  try {
    git(where, 'rev-parse', '--show-toplevel');
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
  throw new Error('git has answered');
}

describe('the reason why git can not answer is told from the others', () => {
  it('another owner', () => {
    const made = repository();
    vi.stubEnv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1');
    const { problem, hint } = reason(made);
    expect(problem).toBe(`git refuses ${made}, since another user owns it ("dubious ownership")`);
    expect(hint).toContain(`git config --global --add safe.directory '${made}'`);
    // What it says to do helps.
    execFileSync('git', ['config', '--global', '--add', 'safe.directory', made]);
    expect(git(made, 'rev-parse', '--show-toplevel').trim()).toBe(made);
  });

  it.runIf(process.getuid?.() === 0)('another owner, as the kernel knows it', () => {
    const made = repository();
    execFileSync('chown', ['-R', '12345:12345', made]);
    expect(reason(made).problem).toContain('since another user owns it');
  });

  it('no git', () => {
    const made = repository();
    vi.stubEnv('PATH', folder);
    expect(reason(made).problem).toBe('there is no git on this machine');
  });

  it('no folder', () => {
    expect(reason(path.join(folder, 'gone')).problem).toBe(`there is no folder ${folder}/gone`);
  });

  it('no repository', () => {
    const { problem, hint } = reason(folder);
    expect(problem).toBe(`${folder} is in no git repository`);
    expect(hint).toContain('actions/checkout');
  });

  it('a repository that lacks something', () => {
    const made = repository();
    rmSync(path.join(made, '.git/HEAD'));
    expect(reason(made).problem).toBe(`the repository in ${made}/.git is damaged or not complete`);
  });

  it('a worktree whose repository is elsewhere', () => {
    const made = repository();
    const worktree = path.join(folder, 'worktree');
    execFileSync('git', ['worktree', 'add', '--quiet', worktree], { cwd: made, stdio: 'ignore' });
    renameSync(made, path.join(folder, 'moved'));
    expect(reason(worktree).problem).toMatch(
      /worktree is part of a repository that is not there: \S+checkout\/\.git\/worktrees\/worktree$/,
    );
  });

  it('a repository without files', () => {
    execFileSync('git', ['init', '--quiet', '--bare', path.join(folder, 'bare')]);
    expect(reason(path.join(folder, 'bare')).problem).toMatch(/is a bare repository/);
  });

  it('anything else, in its own words', () => {
    const made = repository();
    writeFileSync(path.join(made, '.git/config'), '[core\n');
    expect(reason(made).problem).toMatch(/^git rev-parse fails: fatal: bad config line 1/);
  });
});

describe("the project's commit", () => {
  it('is that of its repository', () => {
    expect(gitCommit(repository())).toEqual({ commit: expect.stringMatching(/^[0-9a-f]{40}$/) });
  });

  it('is what the runner says where an action has no repository, and unknown elsewhere', () => {
    expect(gitCommit(folder)).toEqual({ commit: null });
    vi.stubEnv('GITHUB_ACTION_REF', 'v1');
    expect(gitCommit(folder)).toEqual({ commit: 'v1' });
  });

  it('is unknown, with the reason, where git refuses the repository', () => {
    const made = repository();
    vi.stubEnv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1');
    expect(gitCommit(made)).toMatchObject({
      commit: null,
      problem: { problem: expect.stringContaining('owns it') },
    });
  });
});
