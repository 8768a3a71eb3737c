import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../system/command.ts';
import { act, projectCopy } from './act.ts';

const { folder: project } = projectCopy();
const folder = temporaryFolder();
const artifacts = path.join(folder, 'artifacts');
/** Made by a shell that takes a name for code. */
const pwned = path.join(folder, 'pwned');
const touch = `touch\${IFS}${pwned}`;

/** A branch as git allows it: code for a shell, in and out of quotes of both kinds, and what drives a page or terminal. */
const BRANCH = `x;${touch};$(${touch})\`${touch}\`|${touch}&${touch}&&';${touch};'";${touch};"<img/src=x>\u0085##PWNED\u202e%0A`;

/** With what git forbids: the event of a stranger's pull request and the inputs of a run are not git's. */
const HOSTILE = [
  BRANCH,
  '::set-output name=pwned::PWNED',
  '::set-env name=PWNED::PWNED',
  '::add-path::PWNED',
  '::save-state name=pwned::PWNED',
  '::add-matcher::PWNED',
  '::error::PWNED',
  '##[warning]PWNED',
  '\u001b[31m\u001b]0;PWNED\u0007',
  '../../../../etc/passwd',
  '::add-mask::MASKED',
  '::stop-commands::PWNED',
].join('\n');

/** What act prints of each workflow command that it obeys, or would but for a setting (pkg/runner/command.go). */
const OBEYED = [
  /⚙ +::set-output:: pwned=/u,
  /⚙ +::set-env::|`set-env` command is disabled/u,
  /⚙ +::add-path::|`add-path` command is disabled/u,
  /💾/u,
  /❓ +add-matcher/u,
  /❗ +::error[^:]*::PWNED/u,
  /🚧 .*(?:::warning[^:]*::|##\[warning\])PWNED/u,
  /⚙ +\*\*\*/u,
  /⚙ +::stop-commands::/u,
];

function obeyed(output: string): RegExp[] {
  return OBEYED.filter((command) => new RegExp(`^\\[[^\\]]+\\] +${command.source}`, 'mu').test(output));
}

function run(event: string, payload: unknown, workflow: string) {
  const file = path.join(folder, `${event}.json`);
  writeFileSync(file, JSON.stringify(payload));
  return act(project, [event, '-W', workflow, '--eventpath', file]);
}

/** Without a ref in the event act takes the branch from git. */
const dispatch = (inputs: Record<string, string>, event = {}, workflow = '.github/workflows/replicate.yml') =>
  run('workflow_dispatch', { ...event, inputs }, workflow);

function expectNoEffect({ output }: { output: string }): void {
  expect(obeyed(output)).toEqual([]);
  expect(existsSync(pwned)).toBe(false);
}

let head: string;

beforeAll(() => {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: project, encoding: 'utf8' }).trim();
  git('checkout', '--quiet', '-b', BRANCH);
  head = git('rev-parse', 'HEAD');
});
beforeEach(() => rmSync(pwned, { force: true }));

describe('names of branches and inputs', () => {
  it('would be seen to have an effect', () => {
    mkdirSync(path.join(folder, 'control'));
    const workflow = path.join(folder, 'control/control.yml');
    writeFileSync(
      workflow,
      `on: workflow_dispatch
jobs:
  control:
    runs-on: self-hosted
    steps:
      - run: echo "\${{ github.ref_name }}"
        continue-on-error: true
      - run: echo "$NAME"
        env:
          NAME: \${{ github.event.inputs.name }}
`,
    );
    const { code, output } = dispatch({ name: HOSTILE }, {}, workflow);
    expect(code, output).toBe(0);
    expect(obeyed(output)).toEqual(OBEYED);
    expect(existsSync(pwned)).toBe(true);
  });

  it('have none in the check of a pull request', () => {
    const pull_request = {
      number: 7,
      title: HOSTILE,
      base: { sha: head, ref: HOSTILE, repo: { fork: false } },
      head: { sha: head, ref: HOSTILE, repo: { fork: true, full_name: HOSTILE } },
    };
    const payload = { action: 'synchronize', number: 7, pull_request };
    const result = run('pull_request', payload, '.github/workflows/validate-recipes.yml');
    expect(result.code, result.output.slice(-4000)).toBe(0);
    expect(result.output).toContain('::set-output:: valid=true');
    expectNoEffect(result);
  });

  it('have none as the recipe of a run, which is not found', () => {
    const result = dispatch({ recipe: HOSTILE, 'artifacts-dir': HOSTILE, 'dry-run': 'true' });
    expect(result.code).not.toBe(0);
    expect(result.output).toContain("the file can't be read: ENOENT");
    expectNoEffect(result);
  });

  it.each([
    ['by git', BRANCH, {}],
    ['by an event', HOSTILE, { ref: `refs/heads/${HOSTILE}` }],
  ])('have none as the branch and the folder of artifacts of a run, as allowed %s', (_, name, event) => {
    const inputs = { recipe: 'smoke-7b', 'artifacts-dir': `${artifacts}/${name}`, 'stop-after': 'prepare' };
    const result = dispatch(inputs, event);
    expect(result.code, result.output.slice(-4000)).toBe(0);
    const prepared = path.resolve(artifacts, name, 'data/feedback-collection/stage-manifest.json');
    expect(existsSync(prepared)).toBe(true);
    expect(result.output).toMatch(/uploaded report, \d{4,} bytes/);
    expectNoEffect(result);
  });
});
