import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckedRepository, checkedRepository } from './checked-repository.ts';
import { repository } from './repository.ts';

let here: CheckedRepository;
const at = (file: string) => path.join(here.folder, file);

beforeEach(() => {
  here = checkedRepository();
});

afterEach(() => vi.unstubAllEnvs());

/** Puts a link in the place of whatever is there. */
function link(target: string, file: string): void {
  rmSync(at(file), { recursive: true, force: true });
  mkdirSync(path.dirname(at(file)), { recursive: true });
  symlinkSync(target, at(file));
}

const merge = () => readFileSync(at('judges/second/merge.yaml'), 'utf8');

describe('changed-only counts a recipe', () => {
  it.each<[string, () => void, () => void]>([
    [
      'of which a link in the middle leads elsewhere',
      () => {
        here.write('alt/good.yaml', merge());
        here.write('alt/bad.yaml', merge().replace('linear', 'lineal'));
        link('good.yaml', 'alt/link');
        link('../../alt/link', 'judges/first/merge.yaml');
      },
      () => link('bad.yaml', 'alt/link'),
    ],
    [
      'of which a folder on the way has become another link',
      () => {
        here.write('one/merge.yaml', merge());
        here.write('two/merge.yaml', merge());
        link('one', 'current');
        link('../../current/merge.yaml', 'judges/first/merge.yaml');
      },
      () => link('two', 'current'),
    ],
    [
      'of which a folder on the way was a folder',
      () => {
        here.write('current/merge.yaml', merge());
        here.write('two/merge.yaml', merge());
        link('../../current/merge.yaml', 'judges/first/merge.yaml');
      },
      () => link('two', 'current'),
    ],
    [
      'in whose data is a link to a file that changed',
      () => {
        here.git('mv', 'judges/first/data/feedback.json', 'pool.json');
        link('../../../pool.json', 'judges/first/data/feedback.json');
        here.edit('judges/first/dataset.yaml', 'data/feedback.json', 'data');
      },
      () => here.write('pool.json', '[]'),
    ],
    [
      'in whose data is a link to a link that changed',
      () => {
        here.write('pool/a.json', '[]');
        here.write('pool/b.json', '[]');
        link('a.json', 'pool/current.json');
        link('../../../pool/current.json', 'judges/first/data/more.json');
        here.edit('judges/first/dataset.yaml', 'data/feedback.json', 'data/*.json');
      },
      () => link('b.json', 'pool/current.json'),
    ],
    [
      'in whose data is a folder by a link, in which a file changed',
      () => {
        here.write('pool/a.json', '[]');
        link('../../../pool', 'judges/first/data/more');
        here.edit('judges/first/dataset.yaml', 'data/feedback.json', 'data');
      },
      () => here.write('pool/a.json', '[1]'),
    ],
    [
      'of whose model a file is a link to one that changed',
      () => {
        here.write('models/config.json', '{}');
        link('../../../models/config.json', 'judges/first/model/config.json');
        here.edit('judges/first/recipe.yaml', /base_model: .*/, 'base_model: { path: model }');
      },
      () => here.write('models/config.json', '{"hidden_size": 8}'),
    ],
    [
      'of which a link leads to what is gone',
      () => {
        here.write('shared/merge.yaml', merge());
        link('../../shared/merge.yaml', 'judges/first/merge.yaml');
      },
      () => rmSync(at('shared/merge.yaml')),
    ],
    [
      'whose pattern finds a file less behind a link',
      () => {
        here.write('shared/a.json', '[]');
        here.write('shared/b.json', '[]');
        link('../../shared', 'judges/first/more');
        here.edit('judges/first/dataset.yaml', 'data/feedback.json', 'more/*.json');
      },
      () => rmSync(at('shared/b.json')),
    ],
    [
      'of whose merge a model changed',
      () => {
        here.write('judges/first/m/config.json', '{}');
        here.edit('judges/first/merge.yaml', 'model: ${absolute}', 'model: m');
      },
      () => here.write('judges/first/m/config.json', '{"a": 1}'),
    ],
    [
      'whose data git writes otherwise',
      () => {},
      () => here.write('judges/first/.gitattributes', '*.json eol=crlf\n'),
    ],
  ])('%s', async (_, before, change) => {
    before();
    here.pullRequest(here.commit());
    change();
    here.git('add', '--all');
    const { outputs } = await here.check({ 'changed-only': 'true' });
    expect(JSON.parse(String(outputs.recipes))).toEqual(['judges/first']);
  });

  it('whose data are in a submodule that is at another commit', async () => {
    const data = repository();
    writeFileSync(path.join(data.folder, 'rows.json'), '[]');
    data.commit();
    const git = (...args: string[]) => here.git('-c', 'protocol.file.allow=always', ...args);
    git('submodule', '--quiet', 'add', data.folder, 'judges/first/rows');
    here.edit('judges/first/dataset.yaml', 'data/feedback.json', 'rows/rows.json');
    here.pullRequest(here.commit());
    writeFileSync(path.join(data.folder, 'rows.json'), '[1]');
    const later = data.commit();
    execFileSync('git', ['-C', at('judges/first/rows'), 'fetch', '--quiet', 'origin', later]);
    execFileSync('git', ['-C', at('judges/first/rows'), 'checkout', '--quiet', later]);
    const { outputs } = await here.check({ 'changed-only': 'true' });
    expect(JSON.parse(String(outputs.recipes))).toEqual(['judges/first']);
  });

  it('no other, whatever links there are', async () => {
    link('.', 'judges/first/data/circle');
    link('../../..', 'judges/first/data/everything');
    link('/etc', 'judges/first/data/machine');
    here.pullRequest(here.commit());
    here.write('README.md', 'changed');
    const { outputs } = await here.check({ 'changed-only': 'true' });
    expect(outputs.recipes).toBe('[]');
  });
});
