import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfigFile } from '@prometheus-actions/recipe';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckedRepository, checkedRepository } from './checked-repository.ts';

let here: CheckedRepository;

beforeEach(() => {
  here = checkedRepository();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a recipe that somebody else proposes', () => {
  it.each<[string, () => void, string]>([
    [
      'a link to a file of the machine',
      () => {
        rmSync(path.join(here.folder, 'judges/first/merge.yaml'));
        symlinkSync('/etc/passwd', path.join(here.folder, 'judges/first/merge.yaml'));
      },
      'merge: ',
    ],
    [
      'a path to it',
      () => here.edit('judges/first/recipe.yaml', 'dataset: dataset.yaml', 'dataset: /etc/passwd'),
      'dataset: ',
    ],
    [
      'a link to a device that never ends',
      () => here.edit('judges/first/recipe.yaml', 'sft: absolute.yaml', 'sft: ../../../../../../dev/zero'),
      'absolute: { dataset: feedback-collection, sft: ',
    ],
    [
      'a link on the way',
      () => {
        symlinkSync('/etc', path.join(here.folder, 'judges/etc'));
        here.edit('judges/first/recipe.yaml', 'config: cpu', 'config: ../etc/passwd');
      },
      'launch: { config: ',
    ],
    [
      'the config of a random model',
      () => here.edit('judges/first/recipe.yaml', 'random: base-model.json', 'random: /etc/passwd'),
      'base_model: { random: ',
    ],
    [
      'a link in the folder of a model',
      () => {
        mkdirSync(path.join(here.folder, 'judges/first/model'));
        symlinkSync('/etc/passwd', path.join(here.folder, 'judges/first/model/config.json'));
        here.edit('judges/first/recipe.yaml', /base_model: .*/, 'base_model: { path: model }');
      },
      'base_model: { path: ',
    ],
  ])('is not read through %s', async (_, change, before) => {
    change();
    const { annotations, log, summary, failure } = await here.check({ recipes: 'judges/first' });
    expect(failure).toMatch(/errors? in judges\/first/);
    const file = 'judges/first/recipe.yaml';
    const errors = annotations.filter((each) => each.startsWith('error'));
    for (const each of errors) expect(each).toContain(`error ${file}:${here.placeOf(file, before, before)} `);
    expect(errors.join()).toContain('leads out of the workspace');
    expect(`${log}${summary}`).not.toContain('root:');
  });

  it.each([
    ['dataset', 'datasets: SECRET', /^dataset: .*$/m],
    ['dataset', 'datset: SECRET', /^dataset: .*$/m],
    ['a training', 'absolute: { dataset: feedback-collection, stf: SECRET }', /absolute: .*$/m],
    ['a merge', 'merge: { confg: SECRET }', /^merge: .*$/m],
    ['a merge', 'mrge: SECRET', /^merge: .*$/m],
    ['a launch config', 'launch: { cnfig: SECRET, processes: 1 }', /^launch: .*$/m],
    ['a launch config', 'lanch: { config: SECRET, processes: 1 }', /^launch: .*$/m],
    ['experts', 'expert:\n  absolute: { dataset: a, sft: SECRET }', /^experts:$/m],
    ['a random model', 'base_modl: { random: SECRET }', /^base_model: .*$/m],
    ['a file by a merge key', 'x: &x { dataset: SECRET }\n<<: *x', /^dataset: .*$/m],
    ['a file before a mistake of syntax', 'dataset: SECRET\nname2: !tag x', /^dataset: .*$/m],
    ['a file after a mistake of syntax', 'x: *nothing\nmerge: { config: SECRET }', /^merge: .*$/m],
    ['a file in a list that is not closed', 'launch: [{ config: SECRET', /^launch: .*$/m],
    ['a file beside a merge key of nothing', '<<: 1\nmerge: SECRET', /^merge: .*$/m],
  ])('shows no file of the machine that it names by a mistake: %s, %s', async (_, written, before) => {
    const outside = path.join(mkdtempSync(path.join(tmpdir(), 'outside-')), 'secret.yaml');
    writeFileSync(outside, 'hidden-key: hidden-value\n');
    here.edit('judges/first/recipe.yaml', before, written.replace('SECRET', outside));
    const { annotations, log, summary, failure } = await here.check({ recipes: 'judges/first' });
    expect(failure).toMatch(/errors? in judges\/first/);
    expect([...annotations, log, summary, failure].join('\n')).not.toContain('hidden');
  });

  it('is not read where it is itself a link', async () => {
    rmSync(path.join(here.folder, 'judges/first/recipe.yaml'));
    symlinkSync('/etc/passwd', path.join(here.folder, 'judges/first/recipe.yaml'));
    const { annotations, log } = await here.check({ recipe: path.join(here.folder, 'judges/first') });
    expect(annotations).toEqual([expect.stringContaining('leads out of the workspace')]);
    expect(log).not.toContain('root:');
  });

  it('may name a model of the machine, of whose files nothing is shown', async () => {
    const models = mkdtempSync(path.join(tmpdir(), 'models-'));
    writeFileSync(path.join(models, 'config.json'), 'secret-token-1234');
    here.edit('judges/first/recipe.yaml', /base_model: .*/, `base_model: { path: ${models} }`);
    const { annotations, log, summary } = await here.check({ recipes: 'judges/first' });
    expect([...annotations, log, summary].join('')).not.toContain('secret');
    expect(readConfigFile(path.join(models, 'config.json'))).toEqual({
      problem: `${path.join(models, 'config.json')}: the file is not JSON`,
    });
  });

  it('may have links within the repository', async () => {
    here.git('mv', 'judges/first/merge.yaml', 'merge.yaml');
    symlinkSync('../../merge.yaml', path.join(here.folder, 'judges/first/merge.yaml'));
    here.commit();
    here.edit('merge.yaml', 'weight: 1.0', 'weight: 0.3');
    here.pullRequest(here.git('rev-parse', 'HEAD'));
    const { summary, outputs } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('["judges/first"]');
    expect(summary).toContain('- merge: weight of &#36;{absolute}: 1 → 0.3');
  });

  it('writes nothing into the summary but text', async () => {
    here.edit('judges/first/absolute.yaml', /^profile/m, '"<img src=x>|`@octocat`\\u202e\\n# x": 1\nprofile');
    const { annotations, summary } = await here.check();
    expect(annotations[0]).toContain('<img src=x>|`@octocat`\\u{202e}\\n# x');
    const row = summary.split('\n').find((line) => line.startsWith('| error'));
    expect(row).toContain(
      '&#60;img src=x&#62;&#124;&#96;&#64;&#8203;octocat&#96;&#92;u{202e}&#92;n&#35;&#8203; x',
    );
    expect(row?.match(/\|/g)).toHaveLength(5);
  });

  it('has names that are shown as they are', async () => {
    here.git('mv', 'judges/first', 'judges/\u001b[31m ;$(x)\n');
    here.commit();
    here.pullRequest(here.git('rev-parse', 'HEAD'));
    here.edit('judges/\u001b[31m ;$(x)\n/merge.yaml', 'merge_method: linear', 'merge_method: lineal');
    const { failure, outputs, summary } = await here.check({ 'changed-only': 'true' });
    expect(JSON.parse(String(outputs.recipes))).toEqual(['judges/\u001b[31m ;$(x)\n']);
    expect(failure).toBe('1 error in judges/\\u{1b}[31m ;$(x)\\n');
    expect(summary).not.toContain('\u001b');
  });
});
