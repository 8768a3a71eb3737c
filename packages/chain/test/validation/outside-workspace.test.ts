import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckedRepository, checkedRepository } from './checked-repository.ts';

const SECRET = 'hf_CANARYcanary0123456789';
const DATA = 'data/feedback.json';
let here: CheckedRepository;
/** A folder of the machine, outside of the workspace. */
let outside: string;
const at = (file: string) => path.join(here.folder, file);

beforeEach(() => {
  here = checkedRepository();
  outside = realpathSync(mkdtempSync(path.join(tmpdir(), 'machine-')));
  writeFileSync(path.join(outside, 'token'), SECRET);
  writeFileSync(path.join(outside, 'docker.json'), `{"${SECRET}": {"auth": "${SECRET}"}}`);
  writeFileSync(path.join(outside, 'config.json'), `{"model_type": "llama", "hidden_size": "${SECRET}"}`);
});

afterEach(() => vi.unstubAllEnvs());

/** Puts something else in the place of a file of the first recipe. */
function replace(file: string, put: (place: string) => void): void {
  const place = at(`judges/first/${file}`);
  rmSync(place, { recursive: true, force: true });
  put(place);
}

/** Runs a shell, since Node's own functions take no name that is not UTF-8. */
const bash = (script: string, ...args: string[]) =>
  execFileSync('bash', ['-c', script, '-', ...args], { cwd: here.folder });

async function everythingSaid(inputs: Record<string, string> = {}): Promise<string> {
  const checked = await here.check({ 'sarif-file': 'recipes.sarif', ...inputs });
  const sarif = existsSync(at('recipes.sarif')) ? readFileSync(at('recipes.sarif'), 'utf8') : '';
  return [
    JSON.stringify(checked.outputs),
    ...checked.annotations,
    checked.log,
    checked.summary,
    checked.failure,
    sarif,
  ].join('\n');
}

describe('a file of the machine is not read', () => {
  it.each<[string, () => void, string]>([
    [
      'through a link whose own name is not UTF-8',
      () =>
        bash(
          "rm $1; ln -s $2/token $'judges/first/\\xff1'; ln -s $'\\xff1' $1",
          'judges/first/merge.yaml',
          outside,
        ),
      'leads out of the workspace',
    ],
    [
      'through a folder whose name is not UTF-8',
      () =>
        bash(
          "rm $1; mkdir $'judges/\\xfe'; ln -s $2/token $'judges/\\xfe/x'; ln -s $'../\\xfe/x' $1",
          'judges/first/merge.yaml',
          outside,
        ),
      'leads out of the workspace',
    ],
    [
      'through a link to a path that is too long for the system',
      () => {
        const part = 'd'.repeat(203);
        bash(
          'rm $1; for i in $(seq 20); do mkdir -p $3; cd $3; done; ln -s $2/token t',
          at('judges/first/merge.yaml'),
          outside,
          part,
        );
        symlinkSync(`../../${Array(20).fill(part).join('/')}/t`, at('judges/first/merge.yaml'));
        expect(readFileSync(at('judges/first/merge.yaml'), 'utf8')).toBe(SECRET);
      },
      'followed: ENAMETOOLONG',
    ],
    [
      'through a link',
      () => replace('merge.yaml', (place) => symlinkSync(`${outside}/token`, place)),
      'leads out',
    ],
    [
      'through a chain of links',
      () => {
        symlinkSync(outside, at('judges/one'));
        symlinkSync('one', at('judges/two'));
        replace('merge.yaml', (place) => symlinkSync('../two/token', place));
      },
      'leads out',
    ],
    [
      'through the name of the working folder of the process',
      () =>
        here.edit(
          'judges/first/recipe.yaml',
          /base_model: .*/,
          `base_model: { path: /proc/self/cwd/../../${outside} }`,
        ),
      '/proc/self/cwd',
    ],
    [
      'as the config of a model, by a link in its folder',
      () => {
        mkdirSync(at('judges/first/model'));
        symlinkSync(`${outside}/config.json`, at('judges/first/model/config.json'));
        here.edit('judges/first/recipe.yaml', /base_model: .*/, 'base_model: { path: model }');
      },
      'leads out',
    ],
    [
      'as the environment of the process',
      () => replace('absolute.yaml', (place) => symlinkSync('/proc/self/environ', place)),
      'leads out',
    ],
    [
      'through a hard link',
      () => replace('merge.yaml', (place) => linkSync(`${outside}/token`, place)),
      'hard link',
    ],
    [
      "from git's own folder, which may hold the credentials of the checkout",
      () => {
        writeFileSync(at('.git/credentials'), SECRET);
        here.edit('judges/first/recipe.yaml', /merge: .*/, 'merge: ../../.git/credentials');
      },
      "git's own",
    ],
    [
      "from git's own folder, through a link",
      () => {
        writeFileSync(at('.git/credentials'), SECRET);
        replace('merge.yaml', (place) => symlinkSync('../../.git/credentials', place));
      },
      "git's own",
    ],
  ])('%s', async (_, change, problem) => {
    change();
    const said = await everythingSaid({ recipes: 'judges/first' });
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain('CANARY');
    expect(said).toMatch(new RegExp(problem));
  });

  it.each([
    ['a pipe', 'rm $1; mkfifo $1'],
    ['a link to a terminal', 'rm $1; ln -s /dev/tty $1'],
    ['a link to a device that never ends', 'rm $1; ln -s /dev/zero $1'],
    ['links in a circle', 'rm $1; ln -s circle $1; ln -s merge.yaml judges/first/circle'],
    ['a hole of 1 TB', 'rm $1; truncate -s 1T $1'],
  ])('nor is %s waited for', async (_, script) => {
    bash(script, 'judges/first/merge.yaml');
    const { failure, annotations } = await here.check({ recipes: 'judges/first' });
    expect(failure).toMatch(/^1 error in judges\/first/);
    expect(annotations.join('\n')).toMatch(/merge/);
  });
});

describe('nothing is said of what is outside', () => {
  it('not the names beside a file that is not there', async () => {
    here.edit('judges/first/recipe.yaml', /merge: .*/, `merge: ${outside}/toke`);
    const said = await everythingSaid({ recipes: 'judges/first' });
    expect(said).not.toMatch(/did you mean/i);
    expect(said).toContain('leads out of the workspace');
  });

  it.each([
    [
      'a path',
      (name: string) => here.edit('judges/first/recipe.yaml', /merge: .*/, `merge: ${outside}/${name}`),
    ],
    ['a link', (name: string) => replace('merge.yaml', (place) => symlinkSync(`${outside}/${name}`, place))],
    [
      'a link that comes back',
      (name: string) =>
        replace('merge.yaml', (place) =>
          symlinkSync(
            `${outside}/${name}/../${path.relative(outside, at('judges/second/merge.yaml'))}`,
            place,
          ),
        ),
    ],
    ['data', (name: string) => here.edit('judges/first/dataset.yaml', DATA, `${outside}/${name}`)],
    [
      'a pattern',
      (name: string) => here.edit('judges/first/dataset.yaml', DATA, `${outside}/${name.slice(0, 3)}*`),
    ],
    [
      'a model',
      (name: string) =>
        here.edit('judges/first/recipe.yaml', /base_model: .*/, `base_model: { path: ${outside}/${name} }`),
    ],
  ])('not whether it is there: %s', async (_, name) => {
    mkdirSync(path.join(outside, 'abcd'));
    name('abcd');
    const one = await everythingSaid({ recipes: 'judges/first' });
    here.git('checkout', '-q', '.');
    name('wxyz');
    const other = await everythingSaid({ recipes: 'judges/first' });
    expect(one.replaceAll('abcd', 'wxyz').replaceAll('/abc', '/wxy')).toBe(other);
  });

  it('not the files that a pattern finds through a link', async () => {
    symlinkSync(outside, at('judges/first/data-link'));
    here.edit('judges/first/dataset.yaml', DATA, 'data-link/*');
    const said = await everythingSaid({ recipes: 'judges/first' });
    expect(said).not.toMatch(/docker|token/);
    expect(said).toContain('leads out of the workspace');
  });
});

describe('what can not be looked at', () => {
  it.each([
    [
      'a folder whose name is not UTF-8',
      "mkdir $'judges/\\xff'; touch $'judges/\\xff/recipe.yaml'",
      'not UTF-8',
    ],
    ['a file whose name is not UTF-8', "touch $'judges/\\xff.yaml'", 'not UTF-8'],
  ])('is %s, and the others are checked', async (_, script, reason) => {
    bash(script);
    const { outputs, annotations } = await here.check();
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      expect.stringMatching(`^warning recipes were not looked for everywhere: .*${reason}`),
    ]);
  });

  it('is a folder whose path is too long for the system, and the others are checked', async () => {
    bash('for i in $(seq 22); do mkdir "$1"; cd "$1"; done; touch recipe.yaml', 'd'.repeat(200));
    const { outputs, annotations } = await here.check();
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(annotations).toEqual([
      expect.stringMatching(/not looked for everywhere: …[d/]{100}: can't be followed: ENAMETOOLONG$/),
    ]);
  });
});

describe('a recipe that is a link', () => {
  it.each([
    ['to a file with mistakes', () => symlinkSync('other.yml', at('judges/first/recipe.yaml'))],
    ['out of the workspace', () => symlinkSync(`${outside}/recipe.yaml`, at('judges/first/recipe.yaml'))],
    ['to nothing', () => symlinkSync('nothing', at('judges/first/recipe.yaml'))],
  ])('is checked like any other: %s', async (_, link) => {
    writeFileSync(at('judges/first/other.yml'), 'name: [');
    rmSync(at('judges/first/recipe.yaml'));
    link();
    const { outputs, failure } = await here.check();
    expect(outputs.recipes).toBe('["judges/first","judges/second"]');
    expect(failure).toContain('judges/first');
  });
});

describe('the SARIF file', () => {
  it.each([
    ['is itself a link', (victim: string) => symlinkSync(victim, at('recipes.sarif')), 'recipes.sarif'],
    [
      'is a link to nothing yet',
      () => symlinkSync(path.join(outside, 'new'), at('recipes.sarif')),
      'recipes.sarif',
    ],
    ['is in a folder that is a link', () => symlinkSync(outside, at('out')), 'out/recipes.sarif'],
    ['is below a folder that is a link', () => symlinkSync(outside, at('out')), 'out/a/recipes.sarif'],
    ["is in git's own folder", () => {}, '.git/hooks/post-checkout'],
  ])('is not written where it %s', async (_, link, file) => {
    const victim = path.join(outside, 'profile');
    writeFileSync(victim, 'mine');
    const before = readdirSync(outside);
    link(victim);
    const { outputs, annotations } = await here.check({ 'sarif-file': file });
    expect(outputs).not.toHaveProperty('sarif');
    expect(annotations.join('\n')).toMatch(/sarif-file: .* can't be written: .*(is a link|git)/);
    expect(readFileSync(victim, 'utf8')).toBe('mine');
    expect(readdirSync(outside)).toEqual(before);
    expect(existsSync(at('.git/hooks/post-checkout'))).toBe(false);
  });

  it('may be anywhere where the workflow names it by an absolute path', async () => {
    const { outputs } = await here.check({ 'sarif-file': path.join(outside, 'a/recipes.sarif') });
    expect(existsSync(String(outputs.sarif))).toBe(true);
  });
});
