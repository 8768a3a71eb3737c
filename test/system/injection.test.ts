import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ActionResult, runAction, workflowCommands } from './action.ts';
import { command, type Finished, temporaryFolder } from './command.ts';
import { smokeRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
/** Made by a shell, a template or a program that takes a text for code. */
const pwned = path.join(folder, 'pwned');

/** A text that has an effect wherever it is taken for more than text. */
const HOSTILE = [
  'plain',
  '::set-output name=finished::PWNED',
  '\u0085::add-mask::PWNED',
  '\u00a0::stop-commands::PWNED',
  '\ufe0f:\u034f:add-mask::PWNED #\ufe0f#[add-mask]PWNED',
  '##[error]PWNED ##[add-matcher]PWNED',
  '::error::PWNED',
  `$(touch ${pwned}) \`touch ${pwned}\` ; touch ${pwned} | touch ${pwned}`,
  `{{ cycler.__init__.__globals__.os.system('touch ${pwned}') }}`,
  '\u001b[31m\u001b]0;PWNED\u0007\u009b31m\u202e\u2066\u200b',
  '```\n</details><img src=x onerror=PWNED>',
  '../../../../etc/passwd',
].join('\n');

/** Names of files can't have a slash. */
const HOSTILE_NAME = HOSTILE.replaceAll('/', '\u2215').slice(0, 80);

const EFFECTLESS = new Set(['group', 'endgroup', 'notice', 'warning', 'error', 'debug']);

/** What a text of others must not do, whatever is told of it. */
function expectNoEffect({ log, commands, files }: ActionResult) {
  expect(commands.filter(({ name }) => !EFFECTLESS.has(name))).toEqual([]);
  expect(commands.filter(({ data }) => data.startsWith('PWNED'))).toEqual([]);
  expect(unseen(log)).toEqual([]);
  expect(unseen(files.summary)).toEqual([]);
  // What stands in a block of code is shown as it is.
  expect(files.summary.replaceAll(/^```text\n[^]*?^```$/gm, '')).not.toMatch(/<img|PWNED>/);
  expect([files.env, files.path, files.state]).toEqual(['', '', '']);
  expect(files.output).not.toMatch(/^finished=PWNED/m);
  expect(existsSync(pwned)).toBe(false);
}

/** The same of a command, in a step of a workflow. */
function expectNoEffectOf({ output }: Finished) {
  expect(workflowCommands(output)).toEqual([]);
  expect(unseen(output)).toEqual([]);
  expect(existsSync(pwned)).toBe(false);
}

/** Characters that drive a terminal, or show something else than is there; with what is before them. */
function unseen(text: string): string[] {
  return [...text.replaceAll('\n', '').matchAll(/.{0,40}[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu)].map(([found]) =>
    JSON.stringify(found),
  );
}

const BRANCHES = {
  GITHUB_REF: `refs/heads/${HOSTILE}`,
  GITHUB_HEAD_REF: HOSTILE,
  GITHUB_BASE_REF: HOSTILE,
  GITHUB_REF_NAME: HOSTILE,
  GITHUB_ACTOR: HOSTILE,
};
const ON_GITHUB = { GITHUB_ACTIONS: 'true' };

describe('a recipe of a stranger', () => {
  const workspace = path.join(folder, 'workspace');
  const recipe = path.join(workspace, HOSTILE_NAME, 'recipe.yaml');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: workspace });
  const text = JSON.stringify(HOSTILE);

  beforeAll(() => {
    mkdirSync(path.dirname(recipe), { recursive: true });
    cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), path.dirname(recipe), { recursive: true });
    writeFileSync(
      recipe,
      [
        `name: ${text}`,
        `? ${text}\n: ${text}`,
        `base_model: { id: ${text}, revision: ${text} }`,
        `dataset: ${text}`,
        `experts: { ? ${text} : { dataset: ${text}, sft: ${text} }, absolute: { dataset: x, sft: absolute.yaml } }`,
        `launch: { config: ${text}, processes: ${text} }`,
        'merge: merge.yaml',
      ].join('\n'),
    );
    const training = path.join(path.dirname(recipe), 'absolute.yaml');
    writeFileSync(training, `${readFileSync(training, 'utf8')}\nchat_template: ${text}\nrun_name: ${text}\n`);
    git('init', '--quiet', '--initial-branch=main');
    git('add', '--all');
    git('commit', '--quiet', '--message=x');
  });

  it('is checked by the action, and has no effect', async () => {
    const result = await runAction('validate-recipe', {}, { GITHUB_WORKSPACE: workspace, ...BRANCHES });
    expect(result.code).toBe(1);
    expect(result.files.output).toContain('valid');
    expect(result.commands.filter(({ name }) => name === 'error').length).toBeGreaterThan(3);
    expectNoEffect(result);
  });

  it('is not read where one of its files leads out of the workspace', async () => {
    const escaping = path.join(folder, 'escaping');
    cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), path.join(escaping, 'judge'), { recursive: true });
    const file = path.join(escaping, 'judge/recipe.yaml');
    const up = '../'.repeat(20);
    writeFileSync(file, readFileSync(file, 'utf8').replace('merge: merge.yaml', `merge: ${up}etc/passwd`));
    const result = await runAction('validate-recipe', {}, { GITHUB_WORKSPACE: escaping, ...BRANCHES });
    expect(result.code).toBe(1);
    expect(result.log).toContain('leads out of the workspace');
    expect(result.log + result.files.summary).not.toContain('root:');
    expectNoEffect(result);
  });

  it.each([
    HOSTILE,
    '--upload-pack=touch pwned',
    '--output=pwned',
    'main;touch pwned',
    '$(touch pwned)',
    '@{-1}',
  ])('is compared with no commit %j', async (base) => {
    const env = { GITHUB_WORKSPACE: workspace, ...BRANCHES };
    const result = await runAction('validate-recipe', { base, 'changed-only': 'true' }, env);
    expect(result.code).toBe(1);
    expect(result.log).toContain('is not the name of a commit');
    expectNoEffect(result);
    expect(existsSync(path.join(workspace, 'pwned'))).toBe(false);
  });

  it('is checked by the command, in all formats', async () => {
    const location = path.dirname(recipe);
    for (const args of [[], ['--json'], ['--format', 'sarif']]) {
      const result = await command(['validate', location, ...args], ON_GITHUB);
      expect(result.code).toBe(2);
      expectNoEffectOf(result);
    }
    const github = await command(['validate', location, '--format', 'github'], ON_GITHUB);
    const names = workflowCommands(github.output).map(({ name }) => name);
    expect(names.filter((name) => !EFFECTLESS.has(name))).toEqual([]);
    expect(names).toContain('error');
    expect(unseen(github.output)).toEqual([]);
    for (const name of ['plan', 'status', 'replicate', 'clean'])
      expectNoEffectOf(await command([name, location], ON_GITHUB));
  });
});

describe('inputs', () => {
  const all = [
    'recipe',
    'expert',
    'dataset',
    'artifacts-dir',
    'processes',
    'config',
    'models',
    'output-dir',
    'base',
  ];

  it.each(['prepare-dataset', 'sft-train', 'lora-merge', 'model-merge', 'validate-recipe'])(
    'of %s are text',
    async (name) => {
      for (const hostile of [HOSTILE, `${HOSTILE}\n`.repeat(100)]) {
        const result = await runAction(
          name,
          Object.fromEntries(all.map((input) => [input, hostile])),
          BRANCHES,
        );
        expect(result.code).toBe(1);
        expectNoEffect(result);
      }
    },
  );

  it.each(['../escaped', '..', 'a/../../b', '/etc', HOSTILE])(
    'name no expert or dataset %j',
    async (name) => {
      const runs = path.join(folder, 'named');
      const inputs = { recipe: 'smoke-7b', 'artifacts-dir': runs, expert: name, dataset: name };
      for (const action of ['prepare-dataset', 'sft-train']) {
        const result = await runAction(action, inputs);
        expect(result.code).toBe(1);
        expect(result.log).toContain('has no stage');
        expectNoEffect(result);
      }
      expect(existsSync(runs)).toBe(false);
    },
  );

  it('of the commands are text', async () => {
    for (const args of [
      ['plan', HOSTILE],
      ['plan', '--gpu', HOSTILE],
      ['plan', '--processes', HOSTILE],
      ['sft-train', '--recipe', 'smoke-7b', '--expert', HOSTILE],
      ['prepare-dataset', '--file', HOSTILE, '--output-dir', path.join(folder, 'x')],
      ['clean', '--artifacts-dir', HOSTILE],
      ['clean', 'smoke-7b', '--older-than', HOSTILE],
      [HOSTILE],
    ]) {
      const result = await command(args, ON_GITHUB);
      expect(result.code).toBe(2);
      expectNoEffectOf(result);
    }
  });
});

describe('data of a stranger', () => {
  const recipe = path.join(folder, 'poisoned');
  const runs = path.join(folder, 'runs');
  const inputs = { recipe, 'artifacts-dir': runs };

  beforeAll(() => {
    smokeRecipe(recipe, '{ config: cpu, processes: 1 }');
    const data = path.join(recipe, 'data/feedback.json');
    const rows = JSON.parse(readFileSync(data, 'utf8')) as Record<string, string>[];
    const poisoned = rows.map((row, index) => ({
      ...row,
      instruction: index % 2 ? HOSTILE : `${HOSTILE} ${row.instruction}`,
      output: `${HOSTILE} [RESULT] ${HOSTILE}`,
      [HOSTILE]: HOSTILE,
    }));
    writeFileSync(path.join(recipe, 'data', HOSTILE_NAME), JSON.stringify(poisoned));
    const dataset = path.join(recipe, 'dataset.yaml');
    const source = `source: { files: ${JSON.stringify(`data/${HOSTILE_NAME}`)} }`;
    writeFileSync(
      dataset,
      readFileSync(dataset, 'utf8').replace('source: { files: data/feedback.json }', () => source),
    );
  });

  it('is prepared from a file of a hostile name, with hostile columns and rows', async () => {
    const result = await runAction(
      'prepare-dataset',
      { ...inputs, dataset: 'feedback-collection' },
      BRANCHES,
    );
    expect(result.log).toContain('done');
    expect(result.code).toBe(0);
    expect(result.commands.filter(({ name }) => name === 'warning').length).toBeGreaterThan(0);
    expectNoEffect(result);
    const file = path.join(recipe, 'data/rows.json');
    cpSync(path.join(recipe, 'data', HOSTILE_NAME), file);
    const args = ['prepare-dataset', '--file', file, '--output-dir', path.join(folder, 'prepared')];
    const told = await command(args, ON_GITHUB);
    expect(told.code).toBe(0);
    expectNoEffectOf(told);
    expectNoEffectOf(await command([...args, '--json'], ON_GITHUB));
  });

  it('is trained on, with a hostile name of the run and an error that shows the log', async () => {
    const training = path.join(recipe, 'absolute.yaml');
    const text = readFileSync(training, 'utf8').replace('max_steps: 8', 'max_steps: 2');
    writeFileSync(training, `${text}\nrun_name: ${JSON.stringify(HOSTILE)}\n`);
    const trained = await runAction('sft-train', { ...inputs, expert: 'absolute' }, BRANCHES);
    expect(trained.code, trained.log).toBe(0);
    expectNoEffect(trained);
    const template = JSON.stringify(`{{ raise_exception(${JSON.stringify(HOSTILE)}) }}`);
    writeFileSync(
      training,
      `${text.replace(/^chat_template:[^]*?(?=^\w)/m, '')}\nchat_template: ${template}\n`,
    );
    const failed = await runAction('sft-train', { ...inputs, expert: 'absolute' }, BRANCHES);
    expect(failed.code).toBe(1);
    expectNoEffect(failed);
    const told = await command(
      ['sft-train', '--recipe', recipe, '--expert', 'absolute', '--artifacts-dir', runs],
      ON_GITHUB,
    );
    expect(told.code).not.toBe(0);
    expectNoEffectOf(told);
  });
});
