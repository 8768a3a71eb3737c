import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { isEtag } from './content-digest.ts';
import { checkRepoId, isCommit, isInnerPath, type RepoReference } from './repository.ts';

/**
 * A repository's part of the cache, laid out as Python's `huggingface_hub` does: contents in `blobs`, named by their
 * etag; `snapshots/COMMIT` with the repository's paths as relative links to them; `refs` from revisions to commits;
 * `trees` with the list of all files at a commit.
 */
export class RepoCache {
  readonly #folder: string;
  readonly #locks: string;

  /** @throws ConfigurationError for an id that no repository can have */
  constructor(cacheDir: string, { type, id }: Pick<RepoReference, 'type' | 'id'>) {
    checkRepoId({ type, id });
    const name = [`${type}s`, ...id.split('/')].join('--');
    this.#folder = path.join(cacheDir, name);
    this.#locks = path.join(cacheDir, '.locks', name);
  }

  blob(etag: string): string {
    return path.join(this.#folder, 'blobs', etag);
  }

  /** What has come of a blob so far. The name is ours alone: Python gives each of its downloads a name of its own. */
  partial(etag: string): string {
    return path.join(this.#folder, 'blobs', `${etag}.prometheus.incomplete`);
  }

  /** Stands for a blob to whoever locks it. */
  lockTarget(etag: string): string {
    return path.join(this.#locks, etag);
  }

  /** @throws ConfigurationError for a path that leads out of the snapshot */
  snapshotFile(commit: string, file: string): string {
    return within(path.join(this.#folder, 'snapshots', commit), file);
  }

  /** The list of files at a commit, as JSON text; Python's `_tree_cache.py` has the format. */
  treeFile(commit: string): string {
    return path.join(this.#folder, 'trees', `${commit}.json`);
  }

  async readRef(revision: string): Promise<string | undefined> {
    const commit = await readFile(this.#refFile(revision), 'utf8').catch(() => '');
    return isCommit(commit) ? commit : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if ((await this.readRef(revision)) !== commit) await writeIfPossible(this.#refFile(revision), commit);
  }

  /** The etag and the size in bytes of a file that is in the snapshot as a link; its content is not looked at. */
  async linked(commit: string, file: string): Promise<{ etag: string; size: number } | undefined> {
    const link = this.snapshotFile(commit, file);
    // Only the first link names the etag: Python may link the blob on, to a store that all repositories share.
    const etag = path.basename(await readlink(link).catch(() => ''));
    const found = await stat(link).catch(() => undefined);
    return isEtag(etag) && found?.isFile() ? { etag, size: found.size } : undefined;
  }

  /** Makes a file of the snapshot a link to its blob. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const link = this.snapshotFile(commit, file);
    const target = path.relative(path.dirname(link), this.blob(etag));
    await mkdir(path.dirname(link), { recursive: true });
    while ((await readlink(link).catch(() => undefined)) !== target) {
      await rm(link, { force: true });
      // Another process may have made it in the meantime.
      await symlink(target, link).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
  }

  #refFile(revision: string): string {
    return within(path.join(this.#folder, 'refs'), revision);
  }
}

/** Replaces a file at once. What it says can be had again, so a cache that can't be written is no error here. */
export async function writeIfPossible(file: string, content: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** Writes a folder's entries to the disk, so that a renamed file is there after a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function within(folder: string, name: string): string {
  if (!isInnerPath(name)) {
    throw new ConfigurationError(`the path '${name}' is not one of a file in a repository`, {
      hint: 'Paths are relative to the repository, without . and .. in them.',
    });
  }
  return path.join(folder, name);
}
