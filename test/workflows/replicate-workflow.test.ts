import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { pythonCheck, temporaryFolder } from '../system/command.ts';
import { oneExpertRecipe } from '../system/smoke-recipe.ts';
import { act, makeRepository, projectCopy, REWRITTEN } from './act.ts';

const { folder: project, rewritten } = projectCopy();
const artifacts = temporaryFolder();
const runs = (recipe: string) => path.join(artifacts, recipe);

/** Lets another repository use actions of this one. */
const CALLED = ['--local-repository', `prometheus-owner/prometheus-actions@v1=${project}`];

function replicate(recipe: string, ...options: string[]) {
  const all = [`recipe=${recipe}`, `artifacts-dir=${runs(recipe)}`, ...options];
  const inputs = all.flatMap((input) => ['--input', input]);
  return act(project, ['workflow_dispatch', '-W', '.github/workflows/replicate.yml', ...inputs]);
}

describe('replicate.yml', () => {
  it('is run as committed, but for the spelling of this repository in uses:', () => {
    expect(rewritten.length).toBeGreaterThan(0);
    expect(rewritten.filter((line) => !REWRITTEN.test(line))).toEqual([]);
  });

  it('makes the judge of smoke-7b', () => {
    const { code, output } = replicate('smoke-7b');
    expect(code, output.slice(-4000)).toBe(0);
    const folders = ['judge', 'experts/absolute', 'experts/relative'].map((name) =>
      path.join(runs('smoke-7b'), name),
    );
    expect(pythonCheck('check_judge.py', folders)).toMatchObject({ elements_wrong: 0, generated_tokens: 8 });
    expect(output).not.toMatch(/Job 'merge adapter/);
    expect(output).toMatch(/uploaded report, \d{5,} bytes/);
    expect(output).toMatch(/set-output:: complete=true/);
  });

  it('only plans in a dry run', () => {
    const { code, output } = replicate('smoke-7b', 'dry-run=true');
    expect(code, output.slice(-4000)).toBe(0);
    expect(output).toContain('What smoke-7b costs');
    expect(output).not.toMatch(/Run Main .*prepare-dataset/);
  });

  it('goes on in a second job and in the next run where time is over, and ends with the same expert', () => {
    const recipe = 'recipes/one-expert';
    oneExpertRecipe(path.join(project, recipe));
    const stopped = replicate(recipe, 'max-minutes=0.1');
    expect(stopped.code, stopped.output.slice(-4000)).toBe(0);
    expect(stopped.output).toMatch(/train absolute[ -].*it stops at step 1 of 20/);
    expect(stopped.output).toMatch(/train absolute further.*going on from the checkpoint of step 1/);
    expect(stopped.output).not.toMatch(/merge the judge.*Run Main/);
    const { code, output } = replicate(recipe);
    expect(code, output.slice(-4000)).toBe(0);
    expect(output).not.toContain('train absolute further');
    const weights = (recipe: string, output: string) =>
      readFileSync(path.join(runs(recipe), output, 'model.safetensors'));
    const trained = weights(recipe, 'experts/absolute');
    expect(trained.equals(weights('smoke-7b', 'experts/absolute'))).toBe(true);
    expect(existsSync(path.join(runs(recipe), 'judge/stage-manifest.json'))).toBe(true);
  });

  it('makes the judge of smoke-8x7b, adapters merged', () => {
    const { code, output } = replicate('smoke-8x7b');
    expect(code, output.slice(-4000)).toBe(0);
    expect(existsSync(path.join(runs('smoke-8x7b'), 'experts-merged/absolute/stage-manifest.json'))).toBe(
      true,
    );
    const folders = ['judge', 'experts-merged/absolute', 'experts-merged/relative'];
    const checked = pythonCheck(
      'check_judge.py',
      folders.map((name) => path.join(runs('smoke-8x7b'), name)),
    );
    expect(checked).toMatchObject({ elements_wrong: 0, generated_tokens: 8 });
  });
});

describe('a job on a machine that has not what an earlier one made', () => {
  it('is told so in seconds', () => {
    const other = temporaryFolder();
    mkdirSync(path.join(other, '.github/workflows'), { recursive: true });
    writeFileSync(
      path.join(other, '.github/workflows/train.yml'),
      `on: workflow_dispatch
jobs:
  train:
    runs-on: self-hosted
    steps:
      - uses: prometheus-owner/prometheus-actions/actions/sft-train@v1
        with:
          recipe: smoke-7b
          expert: absolute
          artifacts-dir: ${path.join(other, 'empty')}
`,
    );
    makeRepository(other);
    const began = Date.now();
    const { code, output } = act(other, ['workflow_dispatch', ...CALLED]);
    expect(code).not.toBe(0);
    expect(output).toMatch(
      /there is no finished data\/feedback-collection .*If an earlier job made it, that one ran on another machine/s,
    );
    expect(Date.now() - began).toBeLessThan(30_000);
    expect(existsSync(path.join(other, 'empty'))).toBe(false);
  });
});

describe('a runner that starts empty', () => {
  it('gets prepared data from the cache, where the input cache asks for it', () => {
    const other = temporaryFolder();
    const prepared = path.join(temporaryFolder(), 'prepared');
    mkdirSync(path.join(other, '.github/workflows'), { recursive: true });
    const rows = [1, 2, 3, 4].map((score) => ({ instruction: `q${score}`, output: `a [RESULT] ${score}` }));
    writeFileSync(path.join(other, 'rows.json'), JSON.stringify(rows));
    writeFileSync(
      path.join(other, '.github/workflows/prepare.yml'),
      `on: workflow_dispatch
jobs:
  prepare:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - id: prepare
        uses: prometheus-owner/prometheus-actions/actions/prepare-dataset@v1
        with:
          files: rows.json
          test-size: 1
          cache: true
          output-dir: ${prepared}
      - run: echo "hit=$HIT"
        env:
          HIT: \${{ steps.prepare.outputs.cache-hit }}
`,
    );
    makeRepository(other);
    const cache = temporaryFolder();
    const run = () => act(other, [...['workflow_dispatch', '--cache-server-path', cache, ...CALLED]]);
    const first = run();
    expect(first.code, first.output.slice(-4000)).toBe(0);
    expect(first.output).toContain('hit=false');
    const shard = path.join(prepared, 'train/data-00000-of-00001.arrow');
    const bytes = readFileSync(shard);
    rmSync(prepared, { recursive: true });
    expect(run().output).toContain('hit=true');
    expect(readFileSync(shard).equals(bytes)).toBe(true);
    // Found on the disk now, without the cache and without hashing: the times in the manifest are those of the files.
    expect(run().output).not.toContain('looking in the cache');
  });
});

describe('a recipe with mistakes', () => {
  it('is annotated on its lines, and nothing is started', () => {
    const recipe = path.join(project, 'recipes/smoke-7b/recipe.yaml');
    const text = readFileSync(recipe, 'utf8');
    writeFileSync(recipe, text.replace('merge: merge.yaml', 'mergee: merge.yaml'));
    try {
      const { code, output } = replicate('smoke-7b');
      expect(code).not.toBe(0);
      // act prints annotations as it reads them: file, line and column are in the command that the action wrote.
      expect(output).toMatch(/unknown key mergee\. Did you mean merge\?/);
      expect(output).not.toMatch(/prepare feedback-collection.*Run Main/);
    } finally {
      writeFileSync(recipe, text);
    }
  });
});

describe('linters', () => {
  it('actionlint finds nothing', () => {
    const { status, stdout } = spawnSync('actionlint', ['-no-color'], { cwd: project, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('third-party actions are pinned to a commit', () => {
    const folder = path.join(PROJECT_ROOT, '.github/workflows');
    const uses = readdirSync(folder).flatMap(
      (name) => readFileSync(path.join(folder, name), 'utf8').match(/uses: \S+/g) ?? [],
    );
    expect(
      uses.filter((line) => !/^uses: (\$\/actions\/[\w-]+|[\w.-]+\/[\w./-]+@[0-9a-f]{40})$/.test(line)),
    ).toEqual([]);
  });
});
