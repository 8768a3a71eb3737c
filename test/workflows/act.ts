import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { PYTHON, type Running, startProgram, temporaryFolder } from '../system/command.ts';

/**
 * A copy of the project as it is committed or about to be, with `uses: $/actions/…` written as `./actions/…`, or, for a
 * workflow that another repository calls, as `OWNER/NAME/actions/…@v1`.
 *
 * `$/` means "this repository at the commit that runs" on github.com; act and actionlint don't know it yet. In the copy,
 * which is a repository of its own, `./` means the same; in a called workflow it would be the caller's.
 *
 * @param calledAs OWNER/NAME that callers know the copy by
 */
export function projectCopy(calledAs?: string): { folder: string; rewritten: string[] } {
  const folder = temporaryFolder();
  for (const file of git(PROJECT_ROOT, 'ls-files', '--cached', '--others', '--exclude-standard').split(
    '\n',
  )) {
    if (file === '' || file.startsWith('packages/trainer/tests')) continue;
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    cpSync(path.join(PROJECT_ROOT, file), path.join(folder, file));
  }
  const workflows = path.join(folder, '.github/workflows');
  const rewritten = readdirSync(workflows).flatMap((name) => {
    const file = path.join(workflows, name);
    const text = readFileSync(file, 'utf8');
    const local = withLocalActions(text, calledAs);
    writeFileSync(file, local);
    const lines = local.split('\n');
    return text.split('\n').filter((line, index) => lines[index] !== line);
  });
  makeRepository(folder);
  return { folder, rewritten };
}

/** What may differ: a line of `uses:`, of this repository or of an action that act cannot fetch. */
export const REWRITTEN = /^\s*(- )?uses: (\$\/actions\/[\w-]+|actions\/(upload-artifact|attest)@.*)$/;

/**
 * The one difference between the workflows as they are and as act runs them, in lines of `uses:`. actions/checkout is
 * act's own, and of actions/upload-artifact and actions/attest there is one each in this folder: act has no network.
 */
function withLocalActions(workflow: string, calledAs: string | undefined): string {
  const named = (action: string) => (calledAs ? `${calledAs}/${action}@v1` : `./${action}`);
  return workflow
    .replace(/^(\s*(?:- )?uses: )\$\/(\S+)$/gm, (_, uses, action) => `${uses}${named(action)}`)
    .replace(
      /^(\s*(?:- )?uses: )actions\/(upload-artifact|attest)@.*$/gm,
      (_, uses, action) => `${uses}${named(`test/workflows/${action}`)}`,
    );
}

export function makeRepository(folder: string): void {
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'add', '--all');
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  git(folder, ...identity, 'commit', '--quiet', '--message=test');
}

/** What act is told so that it runs on this machine, without containers: all runner labels are this machine. */
export const ON_THIS_MACHINE = [
  ...['ubuntu-latest', 'self-hosted', 'gpu'].flatMap((label) => ['-P', `${label}=-self-hosted`]),
  ...['--env', `PROMETHEUS_PYTHON=${PYTHON}`],
  // Two experts train at once on two cores: with a thread for each core in both they would wait for each other.
  ...['--env', 'OMP_NUM_THREADS=1'],
];

export function act(
  folder: string,
  args: string[],
  env: Record<string, string> = {},
): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('act', [...args, ...ON_THIS_MACHINE], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...ACT_ENV, ...env },
  });
  return { code: status, output: `${stdout}${stderr}` };
}

/** The same for a run that is watched, and disturbed, while it is under way. */
export function startAct(folder: string, args: string[], env: Record<string, string> = {}): Running {
  return startProgram('act', [...args, ...ON_THIS_MACHINE], { cwd: folder, env: { ...ACT_ENV, ...env } });
}

const ACT_ENV = { CI: 'true', DO_NOT_TRACK: '1' };

function git(folder: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}
