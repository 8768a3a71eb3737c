import { mkdir, stat, statfs } from 'node:fs/promises';
import { ConfigurationError, formatBytes } from '@prometheus-actions/stage';
import { isIntact } from './content-digest.ts';
import { downloadBlob } from './download-blob.ts';
import type { HubSettings } from './hub-settings.ts';
import { type HubFile, listRepoFiles, readCachedList } from './list-repo-files.ts';
import { requireOnline } from './offline.ts';
import { RepoCache } from './repo-cache.ts';
import { describeRepo, type HubRepo, pageOf } from './repository.ts';

export interface FetchOptions {
  signal?: AbortSignal;
  /** Bytes that are there and right, over all files. `done` falls where what came has to be thrown away. */
  onProgress?: (done: number, total: number) => void;
  /** Called when another process fetches a file that is wanted here; it is waited for. */
  onWait?: (holder: string) => void;
  /** How many files are fetched side by side. */
  concurrency?: number;
  /** Bytes that each of the files may have: what is larger is refused before any of them is fetched. */
  mostBytes?: number;
}

/** One content that is wanted, and where in the repository: two files may have the same. */
interface Content extends Pick<HubFile, 'path' | 'size' | 'etag'> {
  paths: string[];
}

/**
 * Fetches files of a repository into the cache that Python's library shares, and gives their paths there, in order.
 *
 * Every file's content is compared with the hub's digest, also where the file is in the cache already: other programs
 * write there too, and a damaged file is fetched again. Where all is there, no request is made.
 *
 * @param paths of the files in the repository
 * @throws ConfigurationError when a file can't be had; the signal's reason, and then what has come is kept
 */
export async function fetchFiles(
  repo: HubRepo,
  paths: readonly string[],
  settings: HubSettings,
  {
    signal = new AbortController().signal,
    onProgress,
    onWait = () => {},
    concurrency = 4,
    mostBytes = Number.POSITIVE_INFINITY,
  }: FetchOptions = {},
): Promise<string[]> {
  const cache = new RepoCache(settings.cacheDir, repo);
  const contents = await wantedContents(repo, paths, cache, settings, signal);
  for (const { path, size } of contents) requireSmall(path, size, mostBytes, repo);
  const total = contents.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const onBytes = (difference: number) => {
    done += difference;
    onProgress?.(done, total);
  };

  const missing: Content[] = [];
  await inParallel(contents, concurrency, signal, async (content, signal) => {
    const links = content.paths.map((file) => cache.snapshotFile(repo.commit, file));
    if (await allIntact(links, content, signal)) onBytes(content.size);
    else missing.push(content);
  });
  if (missing.length > 0) {
    try {
      await requireSpace(missing, cache, settings);
      await inParallel(missing, concurrency, signal, async (content, signal) => {
        if (await isIntact(cache.blob(content.etag), content, signal)) onBytes(content.size);
        else {
          requireOnline(`an intact ${content.path} of ${describeRepo(repo)}`, settings);
          await downloadBlob(content, repo, cache, settings, { signal, onBytes, onWait });
        }
        for (const file of content.paths) await cache.link(repo.commit, file, content.etag);
      });
    } catch (error) {
      throw explainDisk(error, settings);
    }
  }
  return paths.map((file) => cache.snapshotFile(repo.commit, file));
}

/** What the files must contain: by the hub's list, or, where all are linked in the cache, by what the links name. */
async function wantedContents(
  repo: HubRepo,
  paths: readonly string[],
  cache: RepoCache,
  settings: HubSettings,
  signal: AbortSignal,
): Promise<Content[]> {
  const known = new Map<string, Pick<HubFile, 'size' | 'etag'>>();
  for (const file of (await readCachedList(repo, settings)) ?? []) known.set(file.path, file);
  const listed = known.size > 0;
  for (const file of listed ? [] : paths) {
    const linked = await cache.linked(repo.commit, file);
    if (linked) known.set(file, linked);
    else requireOnline(`${file} of ${describeRepo(repo)} at ${repo.commit}`, settings);
  }
  if (!listed && paths.some((file) => !known.has(file))) {
    for (const file of await listRepoFiles(repo, settings, signal)) known.set(file.path, file);
  }
  const contents = new Map<string, Content>();
  for (const path of new Set(paths)) {
    const file = known.get(path);
    if (!file) {
      throw new ConfigurationError(`${describeRepo(repo)} has no file '${path}' at ${repo.commit}`, {
        hint: `Its files are listed on ${pageOf(repo, settings)}/tree/${repo.commit}.`,
      });
    }
    const content = contents.get(file.etag) ?? { path, size: file.size, etag: file.etag, paths: [] };
    content.paths.push(path);
    contents.set(file.etag, content);
  }
  return [...contents.values()];
}

/** By the listed size: no more than that is taken from the answer, whatever its length or its encoding. */
function requireSmall(file: string, size: number, mostBytes: number, repo: HubRepo): void {
  if (size <= mostBytes) return;
  throw new ConfigurationError(
    `${file} of ${describeRepo(repo)} has ${formatBytes(size)}, and no more than ${formatBytes(mostBytes)} are read`,
    { hint: 'Is this the right repository? Nothing of it was fetched.' },
  );
}

/** Runs `work` for all items, some side by side. The first failure ends the others, which are waited for. */
async function inParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      if (either.aborted) return;
      await work(item, either).catch((error) => failure.abort(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  either.throwIfAborted();
}

async function allIntact(
  files: readonly string[],
  content: Pick<HubFile, 'size' | 'etag'>,
  signal: AbortSignal,
): Promise<boolean> {
  for (const file of files) if (!(await isIntact(file, content, signal))) return false;
  return true;
}

async function requireSpace(
  missing: readonly Content[],
  cache: RepoCache,
  settings: HubSettings,
): Promise<void> {
  let needed = 0;
  for (const { etag, size } of missing) {
    const here = await stat(cache.partial(etag)).catch(() => undefined);
    needed += Math.max(0, size - (here?.size ?? 0));
  }
  await mkdir(settings.cacheDir, { recursive: true });
  const { bavail, bsize } = await statfs(settings.cacheDir);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new ConfigurationError(
    `${formatBytes(needed)} are to be fetched, and the disk of the cache ${settings.cacheDir} has ${formatBytes(free)} free`,
    { hint: 'Free some space, or set HF_HOME or HF_HUB_CACHE to a folder on another disk.' },
  );
}

function explainDisk(error: unknown, { cacheDir }: HubSettings): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (!['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR'].includes(code)) return error;
  return new ConfigurationError(`the cache ${cacheDir} can't be written: ${message}`, {
    hint: 'Make it writable or free some space, or set HF_HOME or HF_HUB_CACHE to another folder.',
    cause: error,
  });
}
