import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('mutate-recipes.ts', import.meta.url));
const PROCESSES = 8;
const EACH = 1250;

it('has a plan or an error for each of 10,000 recipes that are changed at random, in time', {
  timeout: 300_000,
}, async () => {
  const run = async (seed: number) => {
    const ended = await promisify(execFile)(process.execPath, [program, String(seed), String(EACH)], {
      timeout: 120_000,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    });
    return JSON.parse(ended.stdout) as { planned: number; refused: number; failures: string[] };
  };
  const found: Awaited<ReturnType<typeof run>>[] = [];
  for (let seed = 0; seed < PROCESSES; seed += 2) {
    found.push(...(await Promise.all([run(seed), run(seed + 1)])));
  }
  expect(found.flatMap(({ failures }) => failures)).toEqual([]);
  const sum = (key: 'planned' | 'refused') => found.reduce((total, one) => total + one[key], 0);
  expect(sum('planned') + sum('refused')).toBe(PROCESSES * EACH);
  // Changes that all break the syntax would try little.
  expect(Math.min(sum('planned'), sum('refused'))).toBeGreaterThan(1000);
});
