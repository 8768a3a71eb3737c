import { cpus, hostname, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json } from './canonical-json.ts';
import { GitError, git, hasRepository } from './git.ts';

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

/**
 * The project's commit, with `-dirty` where files differ from it; null where that can't be known, with the reason where
 * there is a repository. An action's checkout has none: the runner says which commit it downloaded.
 */
export function gitCommit(root = PROJECT_ROOT): { commit: string | null; problem?: GitError } {
  const ref = process.env.GITHUB_ACTION_REF || null;
  try {
    return { commit: git(root, 'describe', '--always', '--dirty', '--abbrev=40').trim() || ref };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const isExpected = ref !== null || !hasRepository(root);
    return { commit: ref, ...(!isExpected && { problem: error }) };
  }
}
