import { getExecOutput } from '@actions/exec';

/**
 * Runs a short command and keeps what it prints.
 *
 * @returns its output, with exit code 127 where there is no such command
 */
export async function runCommand(
  command: string,
  args: readonly string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  try {
    return await getExecOutput(command, [...args], { silent: true, ignoreReturnCode: true });
  } catch (error) {
    return { exitCode: 127, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
