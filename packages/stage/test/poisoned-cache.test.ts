import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { PlainReporter, runStage, type Stage } from '../src/index.ts';

let folder: string;
let kept: string;
let runs: number;

const out = () => path.join(folder, 'out');

async function run(poison: (restored: string) => void) {
  const stage: Stage = {
    name: 'write',
    title: 'write',
    outputDir: out(),
    settings: 1,
    inputs: {},
    revision: 1,
    versions: {},
    resumable: false,
    run: async ({ stagingDir }) => {
      runs += 1;
      writeFileSync(path.join(stagingDir, 'rows'), 'honest');
      return { metrics: {} };
    },
  };
  const cache = {
    restore: async (_fingerprint: string, target: string) => {
      if (readdirSync(kept).length === 0) return;
      cpSync(kept, target, { recursive: true });
      poison(target);
    },
    save: async (_fingerprint: string, source: string) => cpSync(source, kept, { recursive: true }),
  };
  const reporter = new PlainReporter(() => {});
  return runStage(stage, { reporter, signal: new AbortController().signal, cache });
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'poisoned-'));
  kept = mkdtempSync(path.join(tmpdir(), 'kept-'));
  runs = 0;
  await run(() => {});
  rmSync(out(), { recursive: true });
});

it('takes what the cache kept as it is', async () => {
  expect((await run(() => {})).status).toBe('up to date');
  expect(runs).toBe(1);
});

it.each<[string, (restored: string) => void]>([
  ['other bytes of the same size', (at) => writeFileSync(path.join(at, 'rows'), 'POISON')],
  ['a file more', (at) => writeFileSync(path.join(at, 'more'), 'POISON')],
  ['a file less', (at) => rmSync(path.join(at, 'rows'))],
  ['no manifest', (at) => rmSync(path.join(at, 'stage-manifest.json'))],
  [
    'the manifest of another fingerprint',
    (at) => {
      const file = path.join(at, 'stage-manifest.json');
      const manifest = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...manifest, fingerprint: '0'.repeat(64) }));
    },
  ],
  [
    'a link to other bytes',
    (at) => {
      writeFileSync(path.join(folder, 'elsewhere'), 'POISON');
      rmSync(path.join(at, 'rows'));
      symlinkSync(path.join(folder, 'elsewhere'), path.join(at, 'rows'));
    },
  ],
])('takes nothing with %s, and makes the output itself', async (_, poison) => {
  expect((await run(poison)).status).toBe('done');
  expect(runs).toBe(2);
  expect(readdirSync(out()).sort()).toEqual(['rows', 'stage-manifest.json']);
  expect(readFileSync(path.join(out(), 'rows'), 'utf8')).toBe('honest');
});
