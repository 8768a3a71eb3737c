import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { confined, PlainReporter, runStage, type Stage } from '../src/index.ts';

let top: string;
let workspace: string;
const at = (name: string) => path.join(workspace, name);

beforeEach(() => {
  top = realpathSync(mkdtempSync(path.join(tmpdir(), 'planted-')));
  workspace = path.join(top, 'workspace');
  mkdirSync(at('data'), { recursive: true });
  writeFileSync(at('data/in.txt'), 'data');
  mkdirSync(path.join(top, 'machine'));
  writeFileSync(path.join(top, 'machine/profile'), 'mine');
});

const machine = () =>
  execFileSync('bash', ['-c', 'cd "$1"; ls -A; cat *', '-', path.join(top, 'machine')]).toString();

function run(changes: Partial<Stage> = {}): Promise<unknown> {
  const stage: Stage = {
    name: 'copy',
    title: 'copy',
    outputDir: at('runs/out'),
    settings: {},
    inputs: { source: { paths: [at('data')] } },
    revision: 1,
    versions: {},
    resumable: true,
    run: async ({ stagingDir, logFile }) => {
      appendFileSync(logFile, 'logged');
      writeFileSync(path.join(stagingDir, 'copy.txt'), 'copied');
      return { metrics: {} };
    },
    ...changes,
  };
  const options = { reporter: new PlainReporter(() => {}), signal: new AbortController().signal };
  return confined({ root: workspace, outside: 'by name' }, () => runStage(stage, options));
}

describe('a stage in a workspace with links that somebody put there', () => {
  it.each<[string, () => unknown, string]>([
    ['where its log will be', () => link('machine/profile', 'runs/out.log'), 'runs/out.log'],
    ['where its log will be, to nothing yet', () => link('machine/new', 'runs/out.log'), 'runs/out.log'],
    ['where its output will be', () => link('machine', 'runs/out'), 'runs/out'],
    ['where its lock will be', () => link('machine/profile', 'runs/.out.lock'), 'runs/.out.lock'],
    [
      'where its holder is named',
      () => link('machine/profile', 'runs/.out.lock.holder'),
      'runs/.out.lock.holder',
    ],
    ['where all outputs will be', () => link('machine', 'runs'), 'runs'],
    [
      'in what looks like an interrupted run',
      () => link('machine', 'runs/.out.0123456789ab.staging/checkpoint-1'),
      'runs/.out.0123456789ab.staging/checkpoint-1',
    ],
  ])('writes through none: %s', async (_, plant, named) => {
    plant();
    const before = machine();
    await expect(run()).rejects.toThrow(
      new RegExp(`^${named.replaceAll('.', '\\.')} is a link\\n {2}Remove the link`),
    );
    expect(machine()).toBe(before);
    expect(existsSync(at('runs/out/copy.txt'))).toBe(false);
  });

  it.each<[string, () => unknown, string]>([
    [
      'a file of its input',
      () => link('machine/profile', 'data/more.txt'),
      'data/more.txt leads out of the workspace',
    ],
    ['a folder of its input', () => link('machine', 'data/more'), 'data/more leads out of the workspace'],
    [
      'the manifest of its input',
      () => link('machine/profile', 'data/stage-manifest.json'),
      'data/stage-manifest.json leads out',
    ],
    [
      'a name that is not UTF-8',
      () => execFileSync('bash', ['-c', "touch $'data/\\xff'"], { cwd: workspace }),
      "data can't be read whole: .: 1 of its names are not UTF-8",
    ],
  ])('reads through none: %s', async (_, plant, problem) => {
    plant();
    await expect(run()).rejects.toThrow(problem);
  });

  it("follows links where an absolute path outside is named, which are its owner's", async () => {
    const elsewhere = path.join(top, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(path.join(top, 'machine'), path.join(elsewhere, 'runs'));
    symlinkSync(path.join(top, 'machine/profile'), path.join(elsewhere, 'in.txt'));
    await run({
      outputDir: path.join(elsewhere, 'runs/out'),
      inputs: { source: { paths: [path.join(elsewhere, 'in.txt')] } },
    });
    expect(readFileSync(path.join(top, 'machine/out/copy.txt'), 'utf8')).toBe('copied');
  });

  it('is not stopped by links of others beside its own', async () => {
    link('machine', 'runs/other');
    await run();
    expect(readFileSync(at('runs/out/copy.txt'), 'utf8')).toBe('copied');
  });
});

function link(target: string, place: string): void {
  mkdirSync(path.dirname(at(place)), { recursive: true });
  symlinkSync(path.join(top, target), at(place));
}
