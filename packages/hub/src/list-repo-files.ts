import { readFile, stat } from 'node:fs/promises';
import type { ListFileEntry } from '@huggingface/hub';
import { ConfigurationError } from '@prometheus-actions/stage';
import { isEtag } from './content-digest.ts';
import { hubFetch } from './hub-request.ts';
import type { HubSettings } from './hub-settings.ts';
import { requireOnline } from './offline.ts';
import { RepoCache, writeIfPossible } from './repo-cache.ts';
import { describeRepo, type HubRepo, isInnerPath } from './repository.ts';

/** The hub recommends fewer than 100,000 files, and sends 1,000 of them a page. */
const MOST_FILES = 200_000;
const MOST_PAGES = 2_000;
/** Of a list in the cache, which other programs write too. */
const MOST_LIST_BYTES = 128 << 20;

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  /** Relative to the repository, with `/`. */
  path: string;
  /** Bytes. */
  size: number;
  /** What the hub names the content by: its SHA-256 where LFS stores it, else its git blob id (SHA-1). */
  etag: string;
  /** The git blob id of the file, or of its LFS pointer. */
  gitOid: string;
  /** The content's name in Xet storage, where it is kept there; not used here, but in the cache's list for Python. */
  xetHash?: string;
}

/**
 * All files at a commit, in the hub's order. The list of a commit never changes, so it is kept in the cache, where
 * Python's library looks for it too, and asked for once.
 *
 * @throws ConfigurationError when it is not in the cache and can't be had from the hub
 */
export async function listRepoFiles(
  repo: HubRepo,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<HubFile[]> {
  const cached = await readCachedList(repo, settings);
  if (cached) return cached;
  requireOnline(`the list of files of ${describeRepo(repo)} at ${repo.commit}`, settings);
  const subject = { ...repo, revision: repo.commit };
  const files: HubFile[] = [];
  const fetchPage = hubFetch(`listing the files of ${describeRepo(repo)}`, subject, settings, signal);
  const asked = new Set<string>();
  const { listFiles } = await import('@huggingface/hub');
  for await (const entry of listFiles({
    repo: { type: repo.type, name: repo.id },
    revision: repo.commit,
    recursive: true,
    hubUrl: settings.endpoint,
    fetch: (page) => {
      if (asked.has(String(page)) || asked.size === MOST_PAGES) throw endlessList(repo, settings);
      asked.add(String(page));
      return fetchPage(page);
    },
  })) {
    if (entry.type === 'file') files.push(fromEntry(entry, repo, settings));
    if (files.length > MOST_FILES) throw endlessList(repo, settings);
  }
  await writeIfPossible(new RepoCache(settings.cacheDir, repo).treeFile(repo.commit), toTree(files));
  return files;
}

/** The list of a commit where an earlier run, or Python's library, left one that can be used. */
export async function readCachedList(repo: HubRepo, settings: HubSettings): Promise<HubFile[] | undefined> {
  const cache = new RepoCache(settings.cacheDir, repo);
  const file = cache.treeFile(repo.commit);
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile() || info.size > MOST_LIST_BYTES) return undefined;
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { format_version, files } = JSON.parse(text) as Tree;
    if (format_version !== 1) return undefined;
    const entries = Object.entries(files).map(([file, { size, blob_id, lfs_sha256, lfs_size, xet_hash }]) =>
      checked({
        path: file,
        size: lfs_size ?? size,
        etag: lfs_sha256 ?? blob_id,
        gitOid: blob_id,
        ...(xet_hash ? { xetHash: xet_hash } : {}),
      }),
    );
    return entries.every((entry) => entry !== undefined) ? entries : undefined;
  } catch {
    return undefined;
  }
}

function endlessList(repo: HubRepo, { endpoint }: HubSettings): ConfigurationError {
  return new ConfigurationError(
    `${endpoint} lists a page of ${describeRepo(repo)} twice, more than ${MOST_PAGES} pages or ${MOST_FILES} files`,
    { hint: 'Does HF_ENDPOINT name a hub that you trust?' },
  );
}

/** `trees/COMMIT.json`, in the format of `_tree_cache.py` of `huggingface_hub` 1.33. */
interface Tree {
  format_version: 1;
  files: Record<
    string,
    { size: number; blob_id: string; lfs_sha256?: string; lfs_size?: number; xet_hash?: string }
  >;
}

function toTree(files: readonly HubFile[]): string {
  const entries = files.map(({ path, size, etag, gitOid, xetHash }): [string, Tree['files'][string]] => [
    path,
    {
      size,
      blob_id: gitOid,
      ...(etag === gitOid ? {} : { lfs_sha256: etag, lfs_size: size }),
      ...(xetHash ? { xet_hash: xetHash } : {}),
    },
  ]);
  return JSON.stringify({ format_version: 1, files: Object.fromEntries(entries) } satisfies Tree, null, 1);
}

function fromEntry(entry: ListFileEntry, repo: HubRepo, settings: HubSettings): HubFile {
  const { path, size, oid = '', lfs, xetHash } = entry;
  const file = checked({
    path,
    size: lfs?.size ?? size,
    etag: lfs?.oid ?? oid,
    gitOid: oid,
    ...(xetHash ? { xetHash } : {}),
  });
  if (file) return file;
  throw new ConfigurationError(
    `${settings.endpoint} lists a file of ${describeRepo(repo)} that can't be one: ${JSON.stringify(path)}`,
    {
      hint: 'Its path, size or digest is not that of a file in git. Does HF_ENDPOINT name a hub that you trust?',
    },
  );
}

/** Digests become names of files and paths become paths, so none of them is believed. */
function checked(file: HubFile): HubFile | undefined {
  const { path, size, etag, gitOid } = file;
  const valid =
    typeof path === 'string' &&
    isInnerPath(path) &&
    Number.isSafeInteger(size) &&
    size >= 0 &&
    isEtag(etag) &&
    isEtag(gitOid);
  return valid ? file : undefined;
}
