import { execFile } from 'node:child_process';
import { cpus, hostname, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Json } from './canonical-json.ts';

const run = promisify(execFile);

/**
 * Root of this project's checkout. The same three steps up lead there from `packages/NAME/src` and from the bundle
 * in `actions/NAME/dist`.
 */
export const PROJECT_ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** The machine, for the manifest. */
export function hardware(): Json {
  const [first] = cpus();
  return {
    host: hostname(),
    system: `${type()} ${release()}`,
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memory_bytes: totalmem(),
  };
}

/** The project's commit, with `-dirty` where files differ from it; `null` where that can't be known. */
export async function gitCommit(): Promise<string | null> {
  // An action's checkout has no .git folder; the runner says which commit it downloaded.
  const ref = process.env.GITHUB_ACTION_REF;
  try {
    const { stdout } = await run('git', [
      '-C',
      PROJECT_ROOT,
      'describe',
      '--always',
      '--dirty',
      '--abbrev=40',
    ]);
    return stdout.trim() || ref || null;
  } catch {
    return ref || null;
  }
}
