import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, pathOutside } from './child-environment.mjs';
import { ConfigurationError } from './errors.ts';

/** Git can't answer: why, and what to do about it. */
export class GitError extends ConfigurationError {
  /** What git itself printed as its error. */
  readonly said: string;

  constructor(problem: string, hint: string, said = '') {
    super(problem, { hint });
    this.said = said;
  }
}

/**
 * Files of a checkout may look like a repository without a work tree, whose settings would name programs to run; git from 2.38 on
 * then takes only one that is named.
 */
const OWN_SETTINGS = [
  '--no-replace-objects',
  ...['-c', 'safe.bareRepository=explicit'],
  ...['-c', 'core.fsmonitor=false'],
];

/**
 * What git prints of a repository. No shell reads the arguments, and nothing is fetched or written.
 *
 * @throws GitError with the reason why it can't answer: no git, no repository, another owner, missing objects
 */
export function git(folder: string, ...args: string[]): string {
  // Its words are read below, so they must not be those of another language.
  const quiet = { GIT_NO_LAZY_FETCH: '1', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
  try {
    return execFileSync('git', [...OWN_SETTINGS, ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: childEnvironment({ ...quiet, PATH: pathOutside() }, /^GIT_CONFIG_/),
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw reasonOf(error as ExecError, folder, args[0] ?? '');
  }
}

/**
 * Whether a folder is the top of a repository, as far as its files tell.
 *
 * Not in hardware.ts, whose own place the bundler knows: it would copy all that is below each `.git` it finds from there.
 */
export function hasRepository(folder: string): boolean {
  return existsSync(path.join(folder, '.git'));
}

type ExecError = NodeJS.ErrnoException & { stderr?: string };

function reasonOf({ code, message, stderr = '' }: ExecError, folder: string, subcommand: string): GitError {
  if (code === 'ENOENT') {
    if (!existsSync(folder)) return new GitError(`there is no folder ${folder}`, 'Check the repository out.');
    return new GitError(
      'there is no git on this machine',
      `Install git before the checkout, in a container job in its image: ${WITHOUT_GIT}`,
    );
  }
  if (stderr === '') return new GitError(`git ${subcommand} fails: ${code ?? firstLine(message)}`, LOOK);
  for (const { pattern, reason } of REASONS) {
    const found = pattern.exec(stderr);
    if (found) return new GitError(...reason(found[1] ?? '', folder), stderr);
  }
  return new GitError(`git ${subcommand} fails: ${firstLine(stderr)}`, LOOK, stderr);
}

const WITHOUT_GIT = 'without it, actions/checkout brings the files without their repository.';
const LOOK = 'See what "git status" says there in a step of its own.';

/** What git says, as of 2.25 to 2.50, and what that means for somebody who did not call it. */
const REASONS: {
  pattern: RegExp;
  reason: (named: string, folder: string) => [problem: string, hint: string];
}[] = [
  {
    // Of git 2.35.2 and 2.35.3: unsafe repository.
    pattern: /(?:dubious ownership in repository at|unsafe repository \()\s?'?([^'\n]*?)'?(?: is owned|\n|$)/,
    reason: (named, folder) => [
      `git refuses ${named || folder}, since another user owns it ("dubious ownership")`,
      `So it is in container jobs. In a step before this one: git config --global --add safe.directory '${named || folder}'`,
    ],
  },
  {
    pattern: /not a git repository: (?!\()(.+)/,
    reason: (named, folder) => [
      `the checkout in ${folder} is part of a repository that is not there: ${named}`,
      'It is a worktree or a submodule: check the repository itself out, or bring that folder, too, into the container.',
    ],
  },
  {
    pattern: /not a git repository/,
    reason: (_, folder) =>
      existsSync(path.join(folder, '.git'))
        ? [`the repository in ${path.join(folder, '.git')} is damaged or not complete`, 'Check it out again.']
        : [
            `${folder} is in no git repository`,
            `Check it out with actions/checkout, and have git installed before: ${WITHOUT_GIT}`,
          ],
  },
  {
    pattern: /must be run in a work tree|cannot use bare repository/,
    reason: (_, folder) => [`${folder} is a bare repository, without files`, 'Check out its files.'],
  },
  {
    pattern: /promisor|missing blob|could not fetch|lazy fetching disabled/,
    reason: () => [
      'the checkout is a partial clone, and does not have all files of that commit',
      'Check out without filter and sparse-checkout.',
    ],
  },
];

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
