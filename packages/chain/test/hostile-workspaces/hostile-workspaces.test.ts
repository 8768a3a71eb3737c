import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('try-workspaces.ts', import.meta.url));
/** More are tried by hand: PROMETHEUS_HOSTILE_WORKSPACES=5000. */
const NUMBER = Number(process.env.PROMETHEUS_HOSTILE_WORKSPACES ?? 300);
const EACH = Math.min(NUMBER / 2, 250);

it('tells, writes and waits for nothing that it must not, in workspaces made to do harm', {
  timeout: NUMBER * 2_000,
}, async () => {
  const run = async (seed: number) => {
    // Killed where it hangs; standard error then ends with the workspace.
    const { stdout } = await promisify(execFile)(process.execPath, [program, String(seed), String(EACH)], {
      cwd: tmpdir(),
      timeout: EACH * 3_000,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    });
    return JSON.parse(stdout) as {
      failures: string[];
      ends: Record<'valid' | 'refused' | 'prepared' | 'notPrepared', number>;
      slowest: number;
    };
  };
  const found: Awaited<ReturnType<typeof run>>[] = [];
  for (let seed = 1; seed <= NUMBER / EACH; seed += 2)
    found.push(...(await Promise.all([run(seed), run(seed + 1)])));
  expect(found.flatMap(({ failures }) => failures)).toEqual([]);
  const sum = (key: keyof (typeof found)[number]['ends']) =>
    found.reduce((total, { ends }) => total + ends[key], 0);
  expect(sum('valid') + sum('refused')).toBe(NUMBER);
  expect(sum('prepared') + sum('notPrepared')).toBe(NUMBER);
  // Workspaces that all are refused at once would try little.
  expect(Math.min(sum('valid'), sum('refused'), sum('prepared'), sum('notPrepared'))).toBeGreaterThan(
    NUMBER / 10,
  );
});
