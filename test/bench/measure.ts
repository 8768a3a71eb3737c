import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ChildProcessError } from '@prometheus-actions/stage';

/** What one process took, from its start to its end. */
export interface Measurement {
  wallSeconds: number;
  /** User and system time, over all threads. */
  cpuSeconds: number;
  /** The largest resident memory. */
  peakBytes: number;
}

/** The middle of the values, and the two ends. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

/**
 * Runs a command to its end and measures it.
 *
 * @param python any Python 3.11, which starts the command and waits for it
 * @param signal ends the command when it aborts
 * @throws ChildProcessError when the command fails
 */
export async function measureProcess(
  python: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Measurement> {
  signal.throwIfAborted();
  const folder = await mkdtemp(path.join(tmpdir(), 'prometheus-measure-'));
  try {
    const report = path.join(folder, 'report.json');
    const script = path.join(import.meta.dirname, 'measure_process.py');
    // Isolated, and without the packages: the smaller this Python, the less it adds to the peak.
    const child = spawn(python, ['-I', '-S', script, report, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // What this command keeps compiled would help Node alone, and an action starts without it.
      env: { ...process.env, NODE_COMPILE_CACHE: undefined },
      signal,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    // Awaited after an abort too, so that nothing is still written when the caller clears up.
    const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
    signal.throwIfAborted();
    if (failure) throw failure;
    if (exitCode !== 0)
      throw new ChildProcessError(`${command.join(' ')} ended with code ${exitCode}\n${output}`.trim());
    return JSON.parse(await readFile(report, 'utf8')) as Measurement;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (position: number) => sorted[position] as number;
  const middle = (sorted.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(sorted.length - 1),
  };
}

/** How the first of each pair relates to the second. Both are from the same round, so that a busy machine weighs less. */
export function ratiosOf(pairs: readonly (readonly [number, number])[]): Spread {
  return spreadOf(pairs.map(([one, other]) => one / other));
}
