import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('mutate-model-files.ts', import.meta.url));
const COUNT = 600;

it('reads or refuses each of 600 configs, headers and tokenizers that are changed at random, in time and memory', {
  timeout: 90_000,
}, async () => {
  const ended = await promisify(execFile)(process.execPath, [program, '1', String(COUNT)], {
    timeout: 60_000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
  });
  const { failures, read, refused, peak } = JSON.parse(ended.stdout) as Record<string, number> & {
    failures: string[];
  };
  expect(failures).toEqual([]);
  expect(Number(read) + Number(refused)).toBe(COUNT);
  expect(Math.min(Number(read), Number(refused))).toBeGreaterThan(50);
  expect(peak).toBeLessThan(600e6);
});
