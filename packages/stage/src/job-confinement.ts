import path from 'node:path';
import type { Confinement } from './confinement.ts';
import { PROJECT_ROOT } from './hardware.ts';

/** The confinement in which actions run, and commands in a job: to its workspace. Undefined where there is no job. */
export function jobConfinement(): Confinement | undefined {
  const { GITHUB_ACTIONS, GITHUB_WORKSPACE } = process.env;
  if (GITHUB_ACTIONS !== 'true' || !GITHUB_WORKSPACE) return undefined;
  return { root: path.resolve(GITHUB_WORKSPACE), also: [PROJECT_ROOT], outside: 'by name' };
}
