import { execFile } from 'node:child_process';
import { childEnvironment } from './child-environment.mjs';

export interface CommandOptions {
  /** Added to the environment that every child has. */
  env?: Record<string, string>;
  /** Names of variables that it needs though they hold secrets. */
  kept?: RegExp;
  /** The folder that it starts in; this process's own when absent. */
  cwd?: string;
}

/**
 * Runs a short command and keeps what it prints.
 *
 * @returns its output, with exit code 127 where there is no such command
 */
export function runCommand(
  command: string,
  args: readonly string[],
  { env, kept, cwd }: CommandOptions = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { env: childEnvironment(env, kept), cwd, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      // A number where it ran; a name such as ENOENT where it could not be started.
      const started = !error || typeof error.code !== 'string';
      if (started) resolve({ exitCode: child.exitCode ?? 1, stdout, stderr });
      else resolve({ exitCode: 127, stdout: '', stderr: error.message });
    });
    child.stdin?.end();
  });
}
