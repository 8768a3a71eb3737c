import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { PYTHON, type Running, startProgram, temporaryFolder } from '../system/command.ts';

/**
 * A copy of the project as it is committed or about to be, with `uses: $/actions/…` written as `./actions/…`.
 *
 * `$/` means "this repository at the commit that runs" on github.com; act and actionlint don't know it yet. In the copy,
 * which is a repository of its own, `./` means the same.
 */
export function projectCopy(): { folder: string; rewritten: string[] } {
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
    writeFileSync(file, withLocalActions(text));
    return text.split('\n').filter((line, index) => withLocalActions(text).split('\n')[index] !== line);
  });
  makeRepository(folder);
  return { folder, rewritten };
}

/**
 * The one difference between the workflows as they are and as act runs them, in lines of `uses:`. actions/checkout is
 * act's own, and of actions/upload-artifact there is one in this folder: act has no network.
 */
function withLocalActions(workflow: string): string {
  return workflow
    .replace(/^(\s*(?:- )?uses: )\$\//gm, '$1./')
    .replace(/^(\s*(?:- )?uses: )actions\/upload-artifact@.*$/gm, '$1./test/workflows/upload-artifact');
}

export function makeRepository(folder: string): void {
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'add', '--all');
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  git(folder, ...identity, 'commit', '--quiet', '--message=test');
}

/** Runs act on this machine, without containers; all runner labels are this machine. */
export function act(folder: string, args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('act', withRunners(args), {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...ACT_ENV },
  });
  return { code: status, output: `${stdout}${stderr}` };
}

/** The same for a run that is watched, and disturbed, while it is under way. */
export function startAct(folder: string, args: string[], env: Record<string, string> = {}): Running {
  return startProgram('act', withRunners(args), { cwd: folder, env: { ...ACT_ENV, ...env } });
}

const ACT_ENV = { CI: 'true', DO_NOT_TRACK: '1' };

function withRunners(args: string[]): string[] {
  const labels = ['ubuntu-latest', 'self-hosted', 'gpu'].flatMap((label) => ['-P', `${label}=-self-hosted`]);
  return [...args, ...labels, '--env', `PROMETHEUS_PYTHON=${PYTHON}`];
}

function git(folder: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}
