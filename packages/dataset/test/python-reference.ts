import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'vitest';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

/**
 * reference.py in a process of its own, started when first needed: its imports take seconds, so one process answers all
 * jobs. Close it when the tests are done.
 */
export class PythonReference {
  #process: ChildProcess | undefined;
  #answers: AsyncIterator<string> | undefined;

  /**
   * Find the interpreter with pandas, scikit-learn and datasets: `PROMETHEUS_TEST_PYTHON`, or that of `.venv`.
   * Without one the test is skipped and says why; under CI it fails.
   */
  require(context: TestContext): void {
    if (this.#process) return;
    const python = process.env.PROMETHEUS_TEST_PYTHON ?? resolve(REPOSITORY, '.venv/bin/python');
    if (!existsSync(python))
      missing(context, `no Python interpreter at ${python}; set PROMETHEUS_TEST_PYTHON`);
    const child = spawn(python, [resolve(import.meta.dirname, 'reference.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#process = child;
  }

  /** Run one job; jobs are not to overlap. */
  async run(job: string, parameters: object): Promise<unknown> {
    this.#process?.stdin?.write(`${JSON.stringify({ job, ...parameters })}\n`);
    const answer = await this.#answers?.next();
    if (!answer || answer.done) throw new Error(`reference.py ended without an answer to ${job}`);
    return JSON.parse(answer.value) as unknown;
  }

  async close(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.stdin?.end();
    await ended;
  }
}

/** A file of the folder `PROMETHEUS_SHARED`, or of `shared` beside the repository; skips as above. */
export function sharedFile(context: TestContext, name: string): string {
  const folder = process.env.PROMETHEUS_SHARED ?? resolve(REPOSITORY, '../shared');
  const path = resolve(folder, name);
  if (!existsSync(path)) missing(context, `no file ${path}; set PROMETHEUS_SHARED`);
  return path;
}

function missing(context: TestContext, reason: string): never {
  if (process.env.CI === 'true') throw new Error(reason);
  return context.skip(reason);
}
