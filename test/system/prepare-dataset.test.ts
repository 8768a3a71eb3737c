import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, contents, temporaryFolder } from './command.ts';

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

describe('prepare-dataset', () => {
  it('killed at a hundred random moments leaves no trace in the output', async () => {
    const started = Date.now();
    expect((await command(prepare(at('undisturbed')))).code).toBe(0);
    const span = Date.now() - started;
    const undisturbed = await contents(at('undisturbed'));
    let published = 0;
    for (let kill = 0; kill < 100; kill++) {
      const run = spawn(process.execPath, [MAIN, ...prepare(at('killed'))], { stdio: 'ignore' });
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
