import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { tableFromIPC } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, contents, pythonCheck, sharedFile, temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const MAIN = path.join(PROJECT_ROOT, 'packages/cli/src/main.ts');
const prepare = (output: string) => [
  ...['prepare-dataset', '--file', at('rows.jsonl'), '--system-prompt', 'Be fair.', '--output-dir', output],
];

beforeAll(() => {
  const rows = Array.from({ length: 4000 }, (_, i) =>
    JSON.stringify({
      instruction: `${i} ${'Grade it, \\"please\\" — 公平. '.repeat(60)}`,
      output: `Feedback ${'so '.repeat(i % 90)}[RESULT] ${1 + (i % 5)}`,
      orig_instruction: `instruction ${i % 800}`,
    }),
  );
  writeFileSync(at('rows.jsonl'), rows.join('\n'));
});

describe('the dataset of docs/data.md', () => {
  it('is prepared as it stands there, without a change of code', async () => {
    const text = readFileSync(path.join(PROJECT_ROOT, 'docs/data.md'), 'utf8');
    const example = /```yaml\n(# dataset\.yaml\n[\s\S]*?)```/.exec(text)?.[1] ?? '';
    expect(example.trim().split('\n').length).toBeLessThanOrEqual(20);
    const recipe = at('support');
    cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
    writeFileSync(path.join(recipe, 'dataset.yaml'), example);
    const file = path.join(recipe, 'recipe.yaml');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/dataset: \w+-collection/g, 'dataset: support-answers'),
    );
    mkdirSync(path.join(recipe, 'exports'));
    const rows = (from: number) =>
      Array.from({ length: 100 }, (_, i) => ({
        id: from + i,
        ticket: `T-${(from + i) % 60}`,
        prompt: `Customer ${from + i} asks.`,
        verdict: `Polite, but it says nothing about the price. [RESULT] ${1 + (i % 5)}`,
      }));
    const lines = (from: number) =>
      rows(from)
        .map((row) => JSON.stringify(row))
        .join('\n');
    writeFileSync(path.join(recipe, 'exports/2025-02.jsonl'), lines(100));
    writeFileSync(path.join(recipe, 'exports/2025-01.jsonl'), lines(0));
    writeFileSync(path.join(recipe, 'exports/older.json.gz'), gzipSync(JSON.stringify(rows(200))));
    const { code, output } = await command([
      ...[
        'prepare-dataset',
        '--recipe',
        recipe,
        '--dataset',
        'support-answers',
        '--artifacts-dir',
        at('support-runs'),
      ],
    ]);
    expect(code, output).toBe(0);
    // 6 of 300 rows are asked for; a ticket has 5.
    expect(output).toContain('done, 295 rows to train on, 5 to test');
    expect(output).toMatch(/^verdict 1 +\d+ \(20(\.\d)? %\)/m);
    const table = tableFromIPC(
      readFileSync(at('support-runs/data/support-answers/test/data-00000-of-00001.arrow')),
    );
    expect(table.schema.names).toEqual(['ticket', 'messages', '__index_level_0__']);
    expect(new Set(table.getChild('ticket')).size).toBe(1);
    expect(JSON.stringify(table.get(0)?.messages.get(0))).toContain(
      'support desk. Say what is right and what',
    );
  });
});

describe('prepare-dataset', () => {
  it("counts the tokens of a model's tokenizer as the tokenizers library does", async (context) => {
    const sample = sharedFile(context, 'data/feedback-sample.json');
    const tokenizer = sharedFile(context, 'golden/tokenizer/tokenizer.json');
    const { code, output } = await command([
      ...[
        'prepare-dataset',
        '--file',
        sample,
        '--limit',
        '80',
        '--test-size',
        '0',
        '--output-dir',
        at('tokens'),
      ],
      ...['--tokenizer', path.dirname(tokenizer), '--max-length', '1212'],
    ]);
    expect(code, output).toBe(0);
    const { metrics } = JSON.parse(readFileSync(at('tokens/stage-manifest.json'), 'utf8'));
    const { tokens } = metrics.report.train;
    const counted = pythonCheck('check_tokens.py', [at('tokens/train'), tokenizer]) as Record<string, number>;
    // The report adds what the chat template puts round the messages.
    expect(tokens.mean - 12).toBeCloseTo(counted.mean ?? 0, 6);
    expect(tokens).toMatchObject({ estimated: false, rows_over_max_length: counted.over_1200 });
    expect(tokens.rows_over_max_length).toBeGreaterThan(0);
  });

  it('says why it counts no tokens where there is no tokenizer', async () => {
    const { code, output } = await command([...prepare(at('none')), '--tokenizer', folder]);
    expect(output).toMatch(/notice: the data report will be without tokens: ENOENT.*tokenizer\.json/);
    expect(code).toBe(0);
  });

  it('killed at a hundred random moments leaves no trace in the output', async () => {
    const start = (name: string) =>
      spawn(process.execPath, [MAIN, ...prepare(at(name))], { stdio: 'ignore' });
    const started = Date.now();
    expect(await once(start('undisturbed'), 'exit')).toEqual([0, null]);
    const span = Date.now() - started;
    const undisturbed = await contents(at('undisturbed'));
    let published = 0;
    for (let kill = 0; kill < 100; kill++) {
      const run = start('killed');
      const ended = once(run, 'exit');
      // Spread over the whole run by the golden ratio, so that no part of it is left out by chance.
      await Promise.race([ended, sleep(span * ((kill * 0.618034) % 1))]);
      run.kill('SIGKILL');
      await ended;
      if (!existsSync(at('killed'))) continue;
      published++;
      expect(await contents(at('killed'))).toEqual(undisturbed);
      rmSync(at('killed'), { recursive: true });
    }
    expect(published).toBeGreaterThan(0);
    expect(published).toBeLessThan(100);
    const { code, output } = await command(prepare(at('killed')));
    expect(code, output).toBe(0);
    expect(await contents(at('killed'))).toEqual(undisturbed);
    const left = readdirSync(folder).filter((name) => name.includes('killed'));
    expect(left.sort()).toEqual(['.killed.lock', '.killed.lock.holder', 'killed']);
  });

  it('says so when the disk is full, before it begins or while it writes, and leaves nothing', (context) => {
    const size = statSync(at('rows.jsonl')).size;
    for (const [share, message] of [
      [0.5, /prepare-dataset needs [\d.]+ MB in .*tmpfs, and .* are free/],
      [1.2, /the disk of .*tmpfs\/out is full/],
    ] as const) {
      const kilobytes = Math.floor((size * share) / 1024);
      const script = `mkdir -p "$1" && mount -t tmpfs -o size=${kilobytes}k none "$1" || exit 77
        mounted=$1; shift; "$@"; code=$?; ls -A "$mounted"; exit $code`;
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        [
          ...['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', at('tmpfs')],
          ...[process.execPath, MAIN, ...prepare(at('tmpfs/out'))],
        ],
        { encoding: 'utf8' },
      );
      if (status === 77 || status === null) context.skip('this system lets nobody mount a small disk');
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(status).toBe(2);
      expect(stdout.trim().split('\n').slice(-2).sort()).toEqual(['.out.lock', '.out.lock.holder']);
    }
  });
});
