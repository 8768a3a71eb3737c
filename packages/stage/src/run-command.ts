import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { getExecOutput } from '@actions/exec';
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
export async function runCommand(
  command: string,
  args: readonly string[],
  { env, kept, cwd }: CommandOptions = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const program = findProgram(command, childEnvironment(env, kept).PATH);
  if (program === undefined) return { exitCode: 127, stdout: '', stderr: `there is no program ${command}` };
  try {
    // In quotes, since the library takes the first argument apart at spaces.
    return await getExecOutput(`"${program}"`, [...args], {
      silent: true,
      ignoreReturnCode: true,
      env: childEnvironment(env, kept),
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    return { exitCode: 127, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}

/** In the PATH that the child has: the library looks in this process's, which may lead into a checkout. */
function findProgram(command: string, folders = ''): string | undefined {
  if (command.includes('/')) return path.resolve(command);
  return folders
    .split(':')
    .map((folder) => path.join(folder, command))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
