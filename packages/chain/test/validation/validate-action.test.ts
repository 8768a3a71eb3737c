import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckedRepository, checkedRepository } from './checked-repository.ts';

let here: CheckedRepository;

beforeEach(() => {
  here = checkedRepository();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('which recipes are checked', () => {
  it('are all of the workspace, where nothing is said', async () => {
    const { outputs, failure } = await here.check();
    expect(failure).toBeUndefined();
    expect(outputs).toEqual({
      valid: true,
      recipes: '["judges/first","judges/second"]',
      errors: 0,
      warnings: 0,
    });
  });

  it('is one, whose plan is put out', async () => {
    const { outputs } = await here.check({ recipe: path.join(here.folder, 'judges/first') });
    expect(outputs).toMatchObject({
      valid: true,
      name: 'first',
      experts: '["absolute","relative"]',
      adapters: '[]',
      'artifacts-dir': '/tools/prometheus-actions/runs/first',
    });
    expect(JSON.parse(String(outputs.plan)).stages).toHaveLength(6);
  });

  it('is one of the project, by its name', async () => {
    const { outputs } = await here.check({ recipe: 'smoke-8x7b' });
    expect(outputs).toMatchObject({ valid: true, name: 'smoke-8x7b', adapters: '["absolute","relative"]' });
  });

  it.each([
    ['judges/f*', ['judges/first']],
    ['judges/*\n!judges/first', ['judges/second']],
    ['!**/second', ['judges/first']],
    ['**/*.yaml\n!**/{absolute,relative,dataset,merge}.yaml', ['judges/first', 'judges/second']],
  ])('are those that match %j', async (recipes, found) => {
    expect(JSON.parse(String((await here.check({ recipes })).outputs.recipes))).toEqual(found);
  });

  it('says so where a pattern matches none', async () => {
    const { annotations, outputs } = await here.check({ recipes: 'judgs/*' });
    expect(annotations).toEqual(['warning no recipe matches judgs/*']);
    expect(outputs).toMatchObject({ valid: true, recipes: '[]' });
  });

  it('are not those of a linked folder', async () => {
    symlinkSync('/', path.join(here.folder, 'everything'));
    symlinkSync('..', path.join(here.folder, 'judges/again'));
    expect((await here.check()).outputs.recipes).toBe('["judges/first","judges/second"]');
  });
});

describe('on a pull request', () => {
  const changedSince = async (inputs: Record<string, string> = {}) => {
    here.pullRequest(here.git('rev-parse', 'main'));
    return here.check({ 'changed-only': 'true', ...inputs });
  };

  it('are those checked of which a file changed', async () => {
    here.edit('judges/second/relative.yaml', '4.0e-3', '2.0e-5');
    const { outputs, summary, failure } = await changedSince();
    expect(failure).toBeUndefined();
    expect(outputs.recipes).toBe('["judges/second"]');
    expect(summary).toContain('| judges/second | right | 2 of 6 stages run again |');
    expect(summary).toContain('- learning&#95;rate of relative: 0.004 → 2e-5');
    expect(summary).toContain('- runs again: `sft-train/relative`, since its settings change');
    expect(summary).toContain('- stays as it is: `base-model`');
  });

  it.each<[string, () => void, string]>([
    ['a file of data', () => here.edit('judges/first/data/feedback.json', /\d/, '7'), 'judges/first'],
    [
      'the config of a random model',
      () => here.edit('judges/first/base-model.json', /\d/, '3'),
      'judges/first',
    ],
    ['a file that is gone', () => rmSync(path.join(here.folder, 'judges/first/merge.yaml')), 'judges/first'],
    [
      'a file elsewhere that it names',
      () => {
        here.write(
          'shared/merge.yaml',
          readFileSync(path.join(here.folder, 'judges/first/merge.yaml'), 'utf8'),
        );
        here.edit('judges/second/recipe.yaml', 'merge: merge.yaml', 'merge: ../../shared/merge.yaml');
        here.commit();
        here.edit('shared/merge.yaml', 'weight: 1.0', 'weight: 0.3');
      },
      'judges/second',
    ],
  ])('counts %s', async (_, change, location) => {
    change();
    expect(JSON.parse(String((await changedSince()).outputs.recipes))).toEqual([location]);
  });

  it('checks nothing where something else changed', async () => {
    here.write('README.md', 'changed');
    const { outputs, summary } = await changedSince();
    expect(outputs).toMatchObject({ valid: true, recipes: '[]' });
    expect(summary).toContain('No recipe to check.');
  });

  it('compares with a launch config of the repository', async () => {
    here.write(
      'judges/first/cpu.yaml',
      'distributed_type: MULTI_GPU\nuse_cpu: true\nmixed_precision: "no"\ndebug: false\n',
    );
    here.edit('judges/first/recipe.yaml', 'config: cpu', 'config: cpu.yaml');
    here.commit();
    here.edit('judges/first/cpu.yaml', '"no"', 'bf16');
    here.edit('judges/first/cpu.yaml', 'debug: false', 'debug: true');
    const { summary } = await changedSince();
    expect(summary).toContain('- mixed&#95;precision of the launch config cpu: no → bf16');
    expect(summary).toContain('- debug of the launch config cpu: false → true');
  });

  it('names new and removed recipes', async () => {
    here.git('mv', 'judges/first', 'judges/third');
    const { outputs, summary } = await changedSince();
    expect(outputs.recipes).toBe('["judges/third"]');
    expect(summary).toContain('| judges/third | right | is new |');
    expect(summary).toContain('| judges/first | | is gone |');
  });

  it('counts a recipe that git does not keep, made by an earlier step', async () => {
    here.pullRequest(here.git('rev-parse', 'HEAD'));
    cpSync(path.join(here.folder, 'judges/first'), path.join(here.folder, 'judges/made'), {
      recursive: true,
    });
    const { outputs, summary } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('["judges/made"]');
    expect(summary).toContain('| judges/made | right | is new |');
  });

  it('says that a recipe had errors before', async () => {
    here.edit('judges/first/recipe.yaml', 'merge:', 'mergee:');
    here.commit();
    here.edit('judges/first/recipe.yaml', 'mergee:', 'merge:');
    expect((await changedSince()).summary).toContain('| judges/first | right | had errors before |');
  });

  it('takes the commit that is given instead', async () => {
    const base = here.git('rev-parse', 'HEAD');
    here.edit('judges/first/merge.yaml', 'weight: 1.0', 'weight: 0.5');
    here.commit();
    expect((await changedSince()).outputs.recipes).toBe('[]');
    expect((await changedSince({ base })).outputs.recipes).toBe('["judges/first"]');
    expect((await changedSince({ base: 'main~1' })).outputs.recipes).toBe('["judges/first"]');
  });

  it('checks everything, and says why, where the checkout lacks the commit', async () => {
    here.pullRequest('f'.repeat(40));
    const { annotations, outputs } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      expect.stringMatching(
        /^notice No comparison with f{40}: this repository has no commit f{40}\. All recipes are checked\. In a step/,
      ),
    ]);
  });

  it('checks everything, and says why, where another user owns the checkout', async () => {
    here.pullRequest(here.git('rev-parse', 'HEAD'));
    // With it git takes itself for another user's, as its own tests have it.
    vi.stubEnv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1');
    const { annotations, outputs } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      expect.stringMatching(
        /git refuses \S+, since another user owns it .* All recipes are checked\. .*git config --global --add safe\.directory/,
      ),
    ]);
  });

  it.each([
    ['that is not there', () => '/nowhere/event.json', /ENOENT/],
    ['that is no JSON', () => path.join(here.folder, 'judges/first/recipe.yaml'), /JSON/],
  ])('checks everything, with a warning, for an event %s', async (_what, file, reason) => {
    vi.stubEnv('GITHUB_EVENT_PATH', file());
    const { annotations, outputs, failure } = await here.check({ 'changed-only': 'true' });
    expect(failure).toBeUndefined();
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      expect.stringMatching(
        /^warning No comparison: the event of this job can't be read: .* All recipes are/,
      ),
    ]);
    expect(annotations[0]).toMatch(reason);
  });

  it('checks everything, and says why, where there is nothing to compare with', async () => {
    const { annotations, outputs } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      'notice changed-only: this is no pull request, and no base is given to compare with. All recipes are checked.',
    ]);
  });

  it.each(['--output=/tmp/x', 'a..b', 'HEAD@{1}', '$(touch x)', 'a b', '-x', ':/text'])(
    'refuses the commit %j',
    async (base) => {
      expect((await here.check({ base })).failure).toContain('is not the name of a commit');
    },
  );
});

describe('mistakes', () => {
  const mistakes = (count: number) =>
    Array.from({ length: count }, (_, index) => `mistake_${index}: ${index}`).join('\n');

  it('are annotated, ten at most with the failure, the most severe first, and all in the summary', async () => {
    vi.stubEnv('GITHUB_SERVER_URL', 'https://github.com');
    vi.stubEnv('GITHUB_REPOSITORY', 'owner/judges');
    vi.stubEnv('GITHUB_SHA', 'c'.repeat(40));
    const file = 'judges/first/absolute.yaml';
    here.edit(file, /^profile/m, `max_seq_length: 4096\n${mistakes(25)}\nprofile`);
    const { annotations, failure, log, outputs, summary } = await here.check();
    expect(annotations).toEqual([
      ...Array.from({ length: 9 }, (_, index) =>
        expect.stringMatching(
          `^error ${file}:${here.placeOf(file, `mistake_${index}`)} unknown key mistake_${index}\\b`,
        ),
      ),
      expect.stringContaining(`notice ${file}:${here.placeOf(file, 'max_seq_length')} max_seq_length`),
    ]);
    const [line] = here.placeOf(file, 'mistake_24').split(':');
    expect(failure).toBe(
      '25 errors in judges/first\n  16 of them are only in the summary and in the log of this job.',
    );
    expect(outputs).toMatchObject({ valid: false, errors: 25, recipes: '["judges/first","judges/second"]' });
    expect(summary.match(/^\| error \|/gm)).toHaveLength(25);
    expect(summary).toContain(
      `| error | [${file}:${line}:1](https://github.com/owner/judges/blob/${'c'.repeat(40)}/${file}?plain=1#L${line}) | unknown key mistake&#95;24`,
    );
    expect(summary).toContain('| judges/first | 25 errors |  |');
    expect(log).toContain(`   ${line} | mistake_24: 24`);
  });

  it('of less weight are counted, too', async () => {
    const older =
      'max_seq_length: 1\nevaluation_strategy: "no"\ntorch_dtype: float32\nnum_proc: 1\nsave_safetensors: true\nlogging_dir: x\n';
    for (const name of ['absolute', 'relative'])
      here.edit(`judges/first/${name}.yaml`, /^profile/m, `${older}profile`);
    const { annotations, failure } = await here.check();
    expect(failure).toBeUndefined();
    expect(annotations).toHaveLength(10);
    expect(annotations.at(-1)).toBe('notice 3 more notices: see the summary of this job');
  });

  it('in a file that recipes share are told once', async () => {
    here.edit('judges/first/merge.yaml', 'merge_method: linear', 'merge_method: lineal');
    const text = readFileSync(path.join(here.folder, 'judges/first/recipe.yaml'), 'utf8');
    here.write('judges/first/other.yaml', text.replace('name: ', 'name: other-'));
    const { annotations, outputs } = await here.check({ recipes: 'judges/first/{recipe,other}.yaml' });
    expect(annotations).toHaveLength(1);
    expect(outputs.errors).toBe(1);
  });

  it.each(['no-folder/x.sarif', 'judges'])(
    'are told all the same where SARIF can not be written to %s',
    async (file) => {
      here.write('no-folder', '');
      here.edit('judges/first/merge.yaml', 'merge_method: linear', 'merge_method: lineal');
      const { outputs, annotations, summary, failure } = await here.check({ 'sarif-file': file });
      expect(outputs).toMatchObject({ valid: false, errors: 1 });
      expect(outputs).not.toHaveProperty('sarif');
      expect(annotations).toContainEqual(
        expect.stringMatching(/^warning sarif-file: \S+ can't be written: (E|\S+ is a (file|folder))/),
      );
      expect(summary).toContain('lineal');
      expect(failure).toMatch(/^1 error in judges\/first/);
    },
  );

  it('are written as SARIF, with places in the repository', async () => {
    here.edit('judges/first/merge.yaml', 'merge_method: linear', 'merge_method: lineal');
    const { outputs } = await here.check({ 'sarif-file': 'out/recipes.sarif' });
    expect(outputs.sarif).toBe(path.join(here.folder, 'out/recipes.sarif'));
    const { runs } = JSON.parse(readFileSync(String(outputs.sarif), 'utf8'));
    const [line, column] = here.placeOf('judges/first/merge.yaml', 'lineal').split(':');
    expect(runs[0].results).toHaveLength(1);
    expect(runs[0].results[0].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'judges/first/merge.yaml', uriBaseId: '%SRCROOT%' },
      region: {
        startLine: Number(line),
        startColumn: Number(column),
        endColumn: Number(column) + 'lineal'.length,
      },
    });
  });
});
