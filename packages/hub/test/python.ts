import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import type { TestContext } from 'vitest';

/** The interpreter of the tests. */
export const PYTHON = process.env.PROMETHEUS_TEST_PYTHON ?? path.join(PROJECT_ROOT, '.venv/bin/python');

/** Without an interpreter that has the trainer's packages the test is skipped and says why; under CI it fails. */
export function requirePython(context: TestContext): void {
  if (existsSync(PYTHON)) return;
  const reason = `no Python interpreter at ${PYTHON}; set PROMETHEUS_TEST_PYTHON`;
  if (process.env.CI === 'true') throw new Error(reason);
  context.skip(reason);
}

/** What a program prints, run with the arguments given and no variables of ours but these. */
export async function runPython(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', program, ...args], {
    env: { PATH: process.env.PATH, ...env },
  });
  return stdout;
}
