import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

/** Runs one job of reference.py and returns its answer. */
export type Reference = (job: string, parameters: object) => Promise<unknown>;

/**
 * The Python interpreter with pandas, scikit-learn and datasets: `PROMETHEUS_TEST_PYTHON`, or that of `.venv`.
 * Without one the test is skipped and says why; under CI it fails.
 */
export function pythonReference(context: TestContext): Reference {
  const python = process.env.PROMETHEUS_TEST_PYTHON ?? resolve(REPOSITORY, '.venv/bin/python');
  if (!existsSync(python)) missing(context, `no Python interpreter at ${python}; set PROMETHEUS_TEST_PYTHON`);
  return async (job, parameters) => {
    const running = promisify(execFile)(python, [resolve(import.meta.dirname, 'reference.py')], {
      maxBuffer: 256 << 20,
    });
    running.child.stdin?.end(JSON.stringify({ job, ...parameters }));
    return JSON.parse((await running).stdout) as unknown;
  };
}

/** A sample file of the folder `PROMETHEUS_SHARED`, or of `shared` beside the repository; skips as above. */
export function sampleFile(context: TestContext, name: string): string {
  const folder = process.env.PROMETHEUS_SHARED ?? resolve(REPOSITORY, '../shared');
  const path = resolve(folder, 'data', name);
  if (!existsSync(path)) missing(context, `no sample at ${path}; set PROMETHEUS_SHARED`);
  return path;
}

function missing(context: TestContext, reason: string): never {
  if (process.env.CI === 'true') throw new Error(reason);
  return context.skip(reason);
}
