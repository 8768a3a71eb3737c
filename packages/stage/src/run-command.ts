import { getExecOutput } from '@actions/exec';

/**
 * Runs a short command and keeps what it prints.
 *
 * @param env added to this process's environment
 * @param cwd the folder that it starts in; this process's own when absent
 * @returns its output, with exit code 127 where there is no such command
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  try {
    return await getExecOutput(command, [...args], {
      silent: true,
      ignoreReturnCode: true,
      env: { ...(process.env as Record<string, string>), ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    return { exitCode: 127, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
