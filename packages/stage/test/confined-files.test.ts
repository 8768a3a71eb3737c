import { execFileSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  isThere,
  openFile,
  readFile,
  readStart,
  refusalOf,
  siblingNames,
  statFile,
} from '../src/confined-files.ts';
import { writeOutput } from '../src/confined-outputs.ts';
import { type Confinement, confined } from '../src/confinement.ts';
import { globFiles, walkFolder } from '../src/folder-walk.ts';

const SECRET = 'the secret';
let top: string;
let root: string;
let rule: Confinement;
const at = (name: string) => path.join(root, name);
const inside = <T>(work: () => T): T => confined(rule, work);

beforeEach(() => {
  top = realpathSync(mkdtempSync(path.join(tmpdir(), 'confined-')));
  root = path.join(top, 'workspace');
  mkdirSync(path.join(root, 'folder'), { recursive: true });
  mkdirSync(path.join(top, 'outside'));
  writeFileSync(path.join(top, 'outside/secret'), SECRET);
  writeFileSync(at('folder/file'), 'a file');
  rule = { root, outside: 'refused' };
});

describe('a path in the workspace', () => {
  it.each([
    ['itself', 'folder/file'],
    ['by way of its folder', 'folder/../folder/./file'],
  ])('is read: %s', async (_, name) => {
    expect(inside(() => readFile(at(name))).toString()).toBe('a file');
    expect(inside(() => readStart(at(name), 3)).toString()).toBe('a f');
    const handle = await inside(() => openFile(at(name)));
    expect(await handle.readFile('utf8')).toBe('a file');
    await handle.close();
  });

  it.each([
    ['relative', () => symlinkSync('folder/file', at('link'))],
    ['absolute', () => symlinkSync(at('folder/file'), at('link'))],
    ['in a chain', () => [symlinkSync('folder', at('one')), symlinkSync('one/file', at('link'))]],
    ['back and forth', () => symlinkSync('folder/../folder/file', at('link'))],
  ])('is read through a link: %s', (_, make) => {
    make();
    expect(inside(() => readFile(at('link'))).toString()).toBe('a file');
  });

  it('is read where the workspace itself is reached by a link', () => {
    symlinkSync(root, path.join(top, 'alias'));
    rule = { root: path.join(top, 'alias'), outside: 'refused' };
    symlinkSync(at('folder/file'), at('real'));
    symlinkSync(path.join(top, 'alias/folder/file'), at('named'));
    for (const name of ['folder/file', 'real', 'named'])
      expect(inside(() => readFile(path.join(top, 'alias', name))).toString()).toBe('a file');
  });

  it('leaves the descriptors as they were', async () => {
    const count = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(top);
        } catch {
          return false;
        }
      }).length;
    inside(() => readFile(at('folder/file')));
    const before = count();
    for (let time = 0; time < 50; time += 1) {
      inside(() => readFile(at('folder/file')));
      expect(() => inside(() => readFile(at('folder')))).toThrow(/EISDIR.*folder'|EISDIR/);
      await (await inside(() => openFile(at('folder/file')))).close();
    }
    expect(count()).toBe(before);
  });

  it('is named in an error as it was given', () => {
    expect(() => inside(() => readFile(at('nothing')))).toThrow(`'${at('nothing')}'`);
    expect(inside(() => statFile(at('nothing')))).toBeUndefined();
    expect(inside(() => isThere(at('a\0b')))).toBe(false);
  });
});

describe('what is refused', () => {
  it.each<[string, () => unknown, string]>([
    ['a link out', () => symlinkSync('../outside/secret', at('link')), 'leads out'],
    ['an absolute link out', () => symlinkSync(path.join(top, 'outside/secret'), at('link')), 'leads out'],
    ['a link to nothing outside', () => symlinkSync('../outside/nothing', at('link')), 'leads out'],
    [
      'a link out and back',
      () => symlinkSync('../outside/../workspace/folder/file', at('link')),
      'leads out',
    ],
    [
      'a link by the process',
      () => symlinkSync(`/proc/self/root${top}/outside/secret`, at('link')),
      'leads out',
    ],
    ['a link by a descriptor', () => symlinkSync('/dev/fd/0', at('link')), 'leads out'],
    ['a circle', () => symlinkSync('link', at('link')), 'ELOOP'],
    [
      'a chain of 50',
      () => {
        for (let at_ = 0; at_ < 50; at_ += 1)
          symlinkSync(at_ === 49 ? 'folder/file' : `l${at_ + 1}`, at(`l${at_}`));
        symlinkSync('l0', at('link'));
      },
      'ELOOP',
    ],
    ['a name that is too long', () => symlinkSync('x'.repeat(300), at('link')), 'ENAMETOOLONG'],
    ['a hard link', () => linkSync(path.join(top, 'outside/secret'), at('link')), 'hard link'],
    [
      'a pipe',
      () => execFileSync('bash', ['-c', 'mkfifo "$1"', '-', at('link')]),
      'neither a file nor a folder',
    ],
    ['a hole', () => execFileSync('bash', ['-c', 'truncate -s 100G "$1"', '-', at('link')]), 'a hole'],
    [
      "git's own file",
      () => [mkdirSync(at('.git')), writeFileSync(at('.git/x'), ''), symlinkSync('.git/x', at('link'))],
      "git's own",
    ],
  ])('is %s', async (_, make, problem) => {
    make();
    const refused = expect.objectContaining({
      problem: expect.stringContaining(problem),
      hint: expect.any(String),
    });
    expect(inside(() => refusalOf(at('link')))).toEqual(refused);
    expect(() => inside(() => readFile(at('link')))).toThrow(/^link /);
    await expect(inside(() => openFile(at('link')))).rejects.toEqual(refused);
    expect(inside(() => isThere(at('link')))).toBe(false);
  });

  it('is a path outside, and nothing beside it is named', () => {
    expect(() => inside(() => readFile(path.join(top, 'outside/secret')))).toThrow(
      'leads out of the workspace',
    );
    expect(inside(() => siblingNames(path.join(top, 'outside/secre')))).toEqual([]);
    expect(inside(() => siblingNames(at('folder/fil')))).toEqual(['file']);
  });

  it('is no path outside where that is named on purpose, which stays without hints', () => {
    rule = { root, outside: 'by name' };
    expect(inside(() => readFile(path.join(top, 'outside/secret'))).toString()).toBe(SECRET);
    expect(inside(() => siblingNames(path.join(top, 'outside/secre')))).toEqual([]);
    symlinkSync('../outside/secret', at('link'));
    expect(() => inside(() => readFile(at('link')))).toThrow('leads out of the workspace');
  });

  it('is nothing where there is no confinement', () => {
    symlinkSync('../outside/secret', at('link'));
    expect(readFile(at('link')).toString()).toBe(SECRET);
    expect(siblingNames(path.join(top, 'outside/secre'))).toEqual(['secret']);
  });
});

describe('a pattern', () => {
  const PATTERNS = [
    '*',
    'folder/*',
    '**',
    '**/*',
    'f*/**/*.json',
    '*/*.json',
    '{folder,other}/*',
    '**/deep/*',
    '?older/[ab].json',
    'folder/**',
    '.*',
    '*/.*',
    'linked/*',
    '*/*/*',
  ];

  it('finds what Node finds', () => {
    for (const file of [
      'folder/a.json',
      'folder/b.json',
      'folder/deep/a.json',
      'folder/.hidden/a.json',
      'folder/.dot',
      'other/c.json',
      '.top',
      'b.json',
    ]) {
      mkdirSync(path.dirname(at(file)), { recursive: true });
      writeFileSync(at(file), '');
    }
    const compare = (pattern: string) => {
      // But for the folder itself, which is no file.
      const expected = globSync(at(pattern))
        .filter((file) => `${file}/**` !== at(pattern))
        .sort((a, b) => (a < b ? -1 : 1));
      expect(globFiles(at(pattern)), pattern).toEqual(expected);
      const found = inside(() => globFiles(at(pattern)));
      expect(found, pattern).toEqual(expected);
    };
    for (const pattern of PATTERNS) compare(pattern);
    symlinkSync('folder', at('linked'));
    symlinkSync('../other', at('folder/inner'));
    for (const pattern of PATTERNS.filter((each) => !each.includes('**'))) compare(pattern);
  });

  it('goes with ** through folders, and at its end through one link, wherever that is', () => {
    mkdirSync(at('other'));
    writeFileSync(at('other/c.json'), '');
    symlinkSync('../other', at('folder/inner'));
    symlinkSync('..', at('folder/circle'));
    const found = (pattern: string) => globFiles(at(pattern)).map((file) => path.relative(root, file));
    expect(found('**/c.json')).toEqual(['folder/inner/c.json', 'other/c.json']);
    expect(found('f*/**/*.json')).toEqual(['folder/inner/c.json']);
    expect(found('folder/**')).toEqual(['folder/circle', 'folder/file', 'folder/inner']);
  });

  it('looks at nothing outside', () => {
    symlinkSync('../outside', at('link'));
    expect(inside(() => globFiles(at('*/*')))).toEqual([at('folder/file')]);
    expect(inside(() => globFiles(at('link/*')))).toEqual([]);
    expect(inside(() => globFiles(path.join(top, 'outside/*')))).toEqual([]);
  });
});

describe('a walk', () => {
  it('says what it could not look at', () => {
    execFileSync('bash', ['-c', "mkdir $'\\xff'; touch $'folder/\\xfe' $'folder/\\xfd'"], { cwd: root });
    const { entries, unread } = inside(() => walkFolder(root));
    expect(entries.map((entry) => entry.path)).toEqual(['folder', 'folder/file']);
    expect(unread).toEqual(['.: 1 of its names are not UTF-8', 'folder: 2 of its names are not UTF-8']);
  });
});

describe('an output', () => {
  it('is written whole, in a folder that is made', async () => {
    await inside(() => writeOutput(at('new/folder/report.html'), 'text'));
    expect(readFileSync(at('new/folder/report.html'), 'utf8')).toBe('text');
    await inside(() => writeOutput(at('new/folder/report.html'), 'other'));
    expect(execFileSync('ls', ['-A', at('new/folder')]).toString()).toBe('report.html\n');
    expect(readFileSync(at('new/folder/report.html'), 'utf8')).toBe('other');
  });

  it.each<[string, () => unknown, string]>([
    ['in its place', () => symlinkSync(path.join(top, 'outside/secret'), at('report')), 'report'],
    ['to nothing yet', () => symlinkSync(path.join(top, 'outside/new'), at('report')), 'report'],
    ['within the workspace', () => symlinkSync('folder/file', at('report')), 'report'],
    ['on the way', () => symlinkSync('../outside', at('out')), 'out/report'],
    ['further up', () => symlinkSync('../outside', at('out')), 'out/a/b/report'],
  ])('follows no link %s', async (_, make, name) => {
    make();
    await expect(inside(() => writeOutput(at(name), 'x'))).rejects.toThrow(/is a link\n {2}Remove the link/);
    expect(execFileSync('ls', ['-A', path.join(top, 'outside')]).toString()).toBe('secret\n');
    expect(readFileSync(path.join(top, 'outside/secret'), 'utf8')).toBe(SECRET);
    expect(readFileSync(at('folder/file'), 'utf8')).toBe('a file');
  });

  it('leaves nothing where it fails', async () => {
    await expect(inside(() => writeOutput(at('folder'), 'x'))).rejects.toThrow('is a folder');
    await expect(inside(() => writeOutput(at('folder/file/x'), 'x'))).rejects.toThrow(
      'is a file, not a folder',
    );
    expect(execFileSync('ls', ['-A', root]).toString()).toBe('folder\n');
    expect(existsSync(at('folder/file'))).toBe(true);
  });

  it('is written through a link where there is no confinement: its owner made it', async () => {
    symlinkSync('../outside', at('out'));
    await writeOutput(at('out/report'), 'x');
    expect(readFileSync(path.join(top, 'outside/report'), 'utf8')).toBe('x');
  });
});
