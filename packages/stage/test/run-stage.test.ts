import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError, PlainReporter, readManifest, runStage, type Stage } from '../src/index.ts';

let folder: string;
let lines: string[];
let runs: number;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'stage-'));
  lines = [];
  runs = 0;
});

function stage(changes: Partial<Stage> = {}): Stage {
  return {
    name: 'copy',
    title: 'copy',
    outputDir: path.join(folder, 'out'),
    settings: { suffix: '!' },
    inputs: { source: { paths: [path.join(folder, 'in.txt')] } },
    revision: 1,
    versions: { tool: '1' },
    resumable: false,
    run: async ({ stagingDir }) => {
      runs += 1;
      mkdirSync(path.join(stagingDir, 'sub'));
      writeFileSync(
        path.join(stagingDir, 'sub/copy.txt'),
        `${readFileSync(path.join(folder, 'in.txt'), 'utf8')}!`,
      );
      return { metrics: { runs } };
    },
    ...changes,
  };
}

async function run(changes: Partial<Stage> = {}, verify = false) {
  const reporter = new PlainReporter((line) => lines.push(line));
  return runStage(stage(changes), { reporter, signal: new AbortController().signal, verify });
}

const output = () => path.join(folder, 'out/sub/copy.txt');

describe('up to date or not', () => {
  beforeEach(async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    expect((await run()).status).toBe('done');
  });

  it('does nothing the second time', async () => {
    expect((await run()).status).toBe('up to date');
    expect(runs).toBe(1);
  });

  it.each([
    ['a setting', { settings: { suffix: '?' } }, 'suffix changed'],
    ['a version', { versions: { tool: '2' } }, 'the version of tool changed'],
    ['the code', { revision: 2 }, 'the stage itself changed'],
  ])('runs again when %s changes, and says so', async (_what, changes, reason) => {
    expect((await run(changes)).status).toBe('done');
    expect(lines.join('\n')).toContain(`runs again: ${reason}`);
  });

  it('runs again when the contents of an input change', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'atad');
    expect((await run()).status).toBe('done');
    expect(lines.join('\n')).toContain('runs again: the input source changed');
    expect(readFileSync(output(), 'utf8')).toBe('atad!');
  });

  it('does not run again when an input only has a new modification time', async () => {
    utimesSync(path.join(folder, 'in.txt'), 1, 1);
    expect((await run()).status).toBe('up to date');
  });

  it('runs again when a byte of the output is flipped', async () => {
    writeFileSync(output(), 'Data!');
    expect((await run()).status).toBe('done');
    expect(readFileSync(output(), 'utf8')).toBe('data!');
  });

  it('finds a flipped byte behind an unchanged modification time with verify only', async () => {
    const manifest = await readManifest(path.join(folder, 'out'));
    const recorded = manifest?.outputs[0]?.mtime_ns ?? '0';
    writeFileSync(output(), 'Data!');
    const seconds = Number(recorded) / 1e9;
    utimesSync(output(), seconds, seconds);
    // utimes keeps microseconds: give the manifest the time that the file has now.
    const { mtimeNs } = await import('node:fs').then(({ statSync }) => statSync(output(), { bigint: true }));
    const file = path.join(folder, 'out/stage-manifest.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(recorded, String(mtimeNs)));
    expect((await run()).status).toBe('up to date');
    expect((await run({}, true)).status).toBe('done');
  });

  it('runs again when a file of the output is missing or one too many', async () => {
    writeFileSync(path.join(folder, 'out/extra'), '');
    expect((await run()).status).toBe('done');
    expect(readdirSync(path.join(folder, 'out')).sort()).toEqual(['stage-manifest.json', 'sub']);
  });
});

describe('inputs', () => {
  it("takes another stage's output by its contents, so that the same bytes made again run nothing", async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    await run();
    const second = {
      title: 'second',
      outputDir: path.join(folder, 'second'),
      inputs: { first: { paths: [path.join(folder, 'out')] } },
    };
    await run(second);
    await run({ versions: { tool: '2' } });
    expect((await run(second)).status).toBe('up to date');
  });

  it('refuses a damaged output of an earlier stage', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    await run();
    writeFileSync(output(), 'other');
    const second = {
      outputDir: path.join(folder, 'second'),
      inputs: { first: { paths: [path.join(folder, 'out')] } },
    };
    await expect(run(second)).rejects.toThrow(
      /is damaged: the contents of sub\/copy.txt have changed[\s\S]*Run the stage copy again/,
    );
  });

  it('names an input that is not there', async () => {
    await expect(run()).rejects.toThrow(/in\.txt, the input source, can't be read: ENOENT/);
  });
});

describe('whole or not at all', () => {
  it('leaves no output and no staging when the work fails', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    const fail = async () => {
      throw new Error('no');
    };
    await expect(run({ run: fail })).rejects.toThrow('no');
    expect(readdirSync(folder).filter((name) => !name.includes('.lock'))).toEqual(['in.txt']);
  });

  it('keeps the old output when making the new one fails', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    await run();
    await expect(
      run({
        settings: {},
        run: async () => {
          throw new Error('no');
        },
      }),
    ).rejects.toThrow('no');
    expect(readFileSync(output(), 'utf8')).toBe('data!');
  });

  it('keeps the work of a resumable stage that failed, and gives it back', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    const first: Partial<Stage> = {
      resumable: true,
      run: async ({ workDir }) => {
        writeFileSync(path.join(workDir, 'checkpoint'), '7');
        throw new Error('killed');
      },
    };
    await expect(run(first)).rejects.toThrow('killed');
    let found = '';
    const second: Partial<Stage> = {
      resumable: true,
      run: async ({ workDir, stagingDir }) => {
        found = readFileSync(path.join(workDir, 'checkpoint'), 'utf8');
        writeFileSync(path.join(stagingDir, 'model'), found);
        return { metrics: {} };
      },
    };
    expect((await run(second)).status).toBe('done');
    expect(found).toBe('7');
    expect(existsSync(path.join(folder, 'out/checkpoint'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.staging'))).toEqual([]);
  });

  it('gives a run that keeps its output what another one wrote, and tells it before', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    const merge = (seed: number, run: Stage['run']): Partial<Stage> => ({
      resumable: true,
      keepsOutput: true,
      settings: { seed },
      run,
    });
    const dies: Stage['run'] = async ({ stagingDir }) => {
      writeFileSync(path.join(stagingDir, 'shard-1'), '1');
      // The manifest of an output that did not stay whole is none of its files.
      writeFileSync(path.join(stagingDir, 'stage-manifest.json'), '{}');
      throw new Error('killed');
    };
    const found: string[][] = [];
    const looks: Stage['run'] = async ({ stagingDir }) => {
      found.push(readdirSync(stagingDir));
      writeFileSync(path.join(stagingDir, 'shard-2'), '2');
      return { metrics: {} };
    };
    await expect(run(merge(1, dies))).rejects.toThrow('killed');
    await expect(run(merge(2, dies))).rejects.toThrow('killed');
    // With other settings nothing can be kept: what is there only takes space.
    expect(readdirSync(folder).filter((name) => name.endsWith('.staging'))).toHaveLength(1);
    const preflight = async (stagingDir: string) => {
      found.push(readdirSync(stagingDir));
    };
    expect((await run({ ...merge(2, looks), preflight })).status).toBe('done');
    expect(found).toEqual([['shard-1', 'stage-manifest.json'], ['shard-1']]);
    expect(readdirSync(path.join(folder, 'out')).sort()).toEqual([
      'shard-1',
      'shard-2',
      'stage-manifest.json',
    ]);
  });

  it('gives unfinished work to a run whose settings differ in nothing that resuming needs, a finished output to none', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    const train = (processes: number, work: (workDir: string) => void): Partial<Stage> => ({
      resumable: true,
      settings: { kind: 'lora', processes },
      resumeSettings: { kind: 'lora' },
      run: async ({ workDir, stagingDir }) => {
        work(workDir);
        writeFileSync(path.join(stagingDir, 'model'), String(processes));
        return { metrics: {} };
      },
    });
    const dies = (workDir: string) => {
      writeFileSync(path.join(workDir, 'checkpoint'), '7');
      throw new Error('killed');
    };
    const checkpoints: string[][] = [];
    const looks = (workDir: string) => {
      checkpoints.push(readdirSync(workDir));
    };
    await expect(run(train(2, dies))).rejects.toThrow('killed');
    await run(train(1, looks));
    expect(checkpoints).toEqual([['checkpoint']]);
    expect((await run(train(1, looks))).status).toBe('up to date');
    expect((await run(train(2, looks))).status).toBe('done');
    expect(checkpoints).toEqual([['checkpoint'], []]);
  });

  it('publishes what a run finished that died just before its rename', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    await run();
    const manifest = await readManifest(path.join(folder, 'out'));
    const staging = path.join(folder, `.out.${manifest?.fingerprint.slice(0, 12)}.staging`);
    const { renameSync } = await import('node:fs');
    mkdirSync(staging);
    renameSync(path.join(folder, 'out'), path.join(staging, 'output'));
    expect((await run()).status).toBe('done');
    expect(runs).toBe(1);
    expect(readFileSync(output(), 'utf8')).toBe('data!');
  });

  it('never replaces a folder that no stage made', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    mkdirSync(path.join(folder, 'out'));
    writeFileSync(path.join(folder, 'out/thesis.tex'), '…');
    await expect(run()).rejects.toThrow(ConfigurationError);
    expect(readFileSync(path.join(folder, 'out/thesis.tex'), 'utf8')).toBe('…');
  });
});

describe('the lock', () => {
  it('keeps a second run out, and is free as soon as its holder is killed', async () => {
    writeFileSync(path.join(folder, 'in.txt'), 'data');
    const lock = path.resolve(import.meta.dirname, '../src/output-lock.ts');
    const script = `const { lockOutput } = await import(${JSON.stringify(lock)}); await lockOutput(${JSON.stringify(path.join(folder, 'out'))}); console.log('held'); setInterval(() => {}, 1000);`;
    const holder = spawn('node', ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await expect(run()).rejects.toThrow(new RegExp(`is being written by process ${holder.pid} on`));
    const gone = new Promise((resolve) => holder.once('close', resolve));
    holder.kill('SIGKILL');
    await gone;
    expect((await run()).status).toBe('done');
  });
});
