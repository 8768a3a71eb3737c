import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  PlainReporter,
  RecordingReporter,
  readManifest,
  runStage,
  type Stage,
  type StageCache,
} from '../src/index.ts';

let folder: string;
const output = () => path.join(folder, 'out');

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'warnings-'));
});

function stage(warn: readonly string[], changes: Partial<Stage> = {}): Stage {
  return {
    name: 'train',
    title: 'train absolute',
    outputDir: output(),
    settings: {},
    inputs: {},
    revision: 1,
    versions: {},
    resumable: true,
    run: async ({ stagingDir, reporter }) => {
      for (const text of warn) reporter.warning(text);
      writeFileSync(path.join(stagingDir, 'model'), 'model');
      return { metrics: {} };
    },
    ...changes,
  };
}

async function run(what: Stage, cache?: StageCache) {
  const lines: string[] = [];
  const reporter = new RecordingReporter(new PlainReporter((line) => lines.push(line)));
  const failure = await runStage(what, { reporter, signal: new AbortController().signal, cache }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const manifest = await readManifest(output());
  return { lines, failure, repeated: reporter.warnings, manifest };
}

const listed = (...texts: string[]) => ({
  title: 'train absolute',
  entries: texts.map((text) => ({ text, times: 1 })),
  leftOut: 0,
});
const dies: Stage['run'] = async ({ reporter }) => {
  reporter.warning('the loss is high');
  reporter.warning('of the first run');
  throw new Error('killed');
};

describe('the manifest of a stage', () => {
  it('has each warning once, with how often it was given', async () => {
    const { manifest, repeated, lines } = await run(stage(['a', 'b', 'a', 'a']));
    expect(manifest?.warnings).toEqual(['a (3 times)', 'b']);
    expect(manifest).not.toHaveProperty('warnings_left_out');
    expect(repeated).toEqual([listed('a (3 times)', 'b')]);
    expect(lines.filter((line) => line.startsWith('warning: '))).toHaveLength(4);
  });

  it('says that there was none', async () => {
    const { manifest, repeated } = await run(stage([]));
    expect(manifest?.warnings).toEqual([]);
    expect(repeated).toEqual([]);
  });

  it('has the same fingerprint and digest whatever was warned of', async () => {
    const { manifest: one } = await run(stage([]));
    const { manifest: other } = await run(stage(['a'], { outputDir: path.join(folder, 'out'), revision: 2 }));
    expect(other?.digest).toBe(one?.digest);
    const { manifest: third } = await run(stage(['other'], { revision: 1 }));
    expect(third?.fingerprint).toBe(one?.fingerprint);
  });

  it('stays small, however many there are, and counts those that it leaves out', async () => {
    const many = Array.from({ length: 10_000 }, (_, step) => `step ${step}: the loss is not finite`);
    const long = '\u{1f600}'.repeat(100_000);
    const { manifest, repeated } = await run(stage([long, ...many, many[0] ?? '']));
    expect(manifest?.warnings).toHaveLength(50);
    expect(manifest?.warnings?.[1]).toBe('step 0: the loss is not finite (2 times)');
    expect(manifest?.warnings_left_out).toBe(10_001 - 50);
    expect(readFileSync(path.join(output(), 'stage-manifest.json'), 'utf8').length).toBeLessThan(20_000);
    expect(repeated[0]?.leftOut).toBe(10_001 - 50);
  });

  it('has those about its settings, which came before it began, and they are listed once', async () => {
    const reporter = new RecordingReporter(new PlainReporter(() => {}));
    reporter.warning('far from usual', { file: 'train.yaml', line: 3, column: 7 });
    reporter.warning('of another file', { file: 'merge.yaml' });
    const options = { reporter, signal: new AbortController().signal };
    await runStage(stage(['a'], { warnings: ['train.yaml:3:7: far from usual'] }), options);
    expect((await readManifest(output()))?.warnings).toEqual(['train.yaml:3:7: far from usual', 'a']);
    expect(reporter.warnings).toEqual([
      { title: undefined, entries: [{ text: 'merge.yaml: of another file', times: 1 }], leftOut: 0 },
      listed('train.yaml:3:7: far from usual', 'a'),
    ]);
  });
});

describe('at the end the warnings are repeated', () => {
  it('of an output that is up to date', async () => {
    await run(stage(['a']));
    const { lines, repeated } = await run(stage([]));
    expect(lines).toEqual(['train absolute: up to date']);
    expect(repeated).toEqual([listed('a')]);
  });

  it('of none that was made before manifests had them', async () => {
    await run(stage(['a']));
    const file = path.join(output(), 'stage-manifest.json');
    const { warnings, ...older } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(older));
    expect(warnings).toEqual(['a']);
    expect((await run(stage([]))).repeated).toEqual([]);
  });

  it('of a stage that fails, and of one that stops', async () => {
    const { failure, repeated } = await run(stage([], { run: dies }));
    expect(failure).toBe('killed');
    expect(repeated).toEqual([listed('the loss is high', 'of the first run')]);
    const stopped = await run(
      stage([], {
        run: async ({ reporter }) => {
          reporter.warning('stopped early');
          return 'stopped';
        },
      }),
    );
    expect(stopped.manifest).toBeUndefined();
    expect(stopped.repeated).toEqual([listed('the loss is high', 'of the first run', 'stopped early')]);
  });

  it('of a cache that can not be read or written', async () => {
    const cache: StageCache = {
      restore: async (_fingerprint, _folder, reporter) => reporter.warning('not read'),
      save: async (_fingerprint, _folder, reporter) => reporter.warning('not written'),
    };
    const { manifest, repeated } = await run(stage(['a']), cache);
    expect(manifest?.warnings).toEqual(['not read', 'a', 'not written']);
    expect(repeated).toEqual([listed('not read', 'a', 'not written')]);
    expect((await run(stage([]))).repeated).toEqual([listed('not read', 'a', 'not written')]);
  });
});

describe('a run that goes on', () => {
  it('keeps the warnings of its earlier part, and counts none twice', async () => {
    await run(stage([], { run: dies }));
    const { manifest } = await run(stage(['the loss is high', 'of the second run']));
    expect(manifest?.warnings).toEqual(['the loss is high', 'of the first run', 'of the second run']);
  });

  it('keeps them where the earlier part was killed without a word', async () => {
    const source = path.resolve(import.meta.dirname, '../src/index.ts');
    const script = `const { PlainReporter, runStage } = await import(${JSON.stringify(source)});
      await runStage({ name: 'train', title: 'train absolute', outputDir: ${JSON.stringify(output())}, settings: {},
        inputs: {}, revision: 1, versions: {}, resumable: true,
        run: async ({ reporter }) => { reporter.warning('before the kill'); process.kill(process.pid, 'SIGKILL'); } },
        { reporter: new PlainReporter(() => {}), signal: new AbortController().signal });`;
    expect(spawnSync(process.execPath, ['--input-type=module', '-e', script]).signal).toBe('SIGKILL');
    expect((await run(stage(['after it']))).manifest?.warnings).toEqual(['before the kill', 'after it']);
  });

  it('starts without any where the stage starts over', async () => {
    await run(stage([], { run: dies, resumable: false }));
    expect((await run(stage(['b'], { resumable: false }))).manifest?.warnings).toEqual(['b']);
  });
});
