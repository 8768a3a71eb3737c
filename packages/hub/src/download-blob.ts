import { rename } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError, lockOutput } from '@prometheus-actions/stage';
import { isIntact } from './content-digest.ts';
import type { Answer } from './http-answer.ts';
import { request } from './hub-request.ts';
import type { HubSettings } from './hub-settings.ts';
import type { HubFile } from './list-repo-files.ts';
import { PartialFile } from './partial-file.ts';
import { type RepoCache, syncFolder } from './repo-cache.ts';
import { contentUrl, describeRepo, type HubRepo } from './repository.ts';
import { retry, TransientError } from './retry.ts';

/** How often whole content may come that is not the file's. */
const MAX_MISMATCHES = 3;

/** What is fetched: a path that leads to it, and what it must be. */
type FileContent = Pick<HubFile, 'path' | 'size' | 'etag'>;

export interface DownloadOptions {
  signal: AbortSignal;
  /** Bytes more than before; less than none when what has come is thrown away. */
  onBytes: (difference: number) => void;
  /** Called once when another process fetches the same file. */
  onWait: (holder: string) => void;
}

/**
 * Fetches a file's content into the cache, going on where an earlier run stopped. The blob appears only once its
 * content is right and on the disk.
 *
 * One process at a time fetches a blob: the lock is that of an output folder, which the kernel drops with the process,
 * so that what a killed process left is taken over at once.
 *
 * @throws ConfigurationError when it can't be had; the signal's reason, keeping what has come
 */
export async function downloadBlob(
  file: FileContent,
  repo: HubRepo,
  cache: RepoCache,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<void> {
  const { signal, onBytes, onWait } = options;
  const blob = cache.blob(file.etag);
  const lock = await lockOutput(cache.lockTarget(file.etag), { wait: true, onWait, signal });
  try {
    if (await isIntact(blob, file, signal)) return onBytes(file.size);
    const partial = await PartialFile.open(cache.partial(file.etag), file, signal);
    onBytes(partial.size);
    try {
      await fill(partial, file, repo, settings, options);
      await partial.sync();
    } finally {
      await partial.close();
    }
    await rename(cache.partial(file.etag), blob);
    await syncFolder(path.dirname(blob));
  } finally {
    lock.release();
  }
}

async function fill(
  partial: PartialFile,
  file: FileContent,
  repo: HubRepo,
  settings: HubSettings,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  const what = `fetching ${file.path} of ${describeRepo(repo)}`;
  const restart = async () => {
    onBytes(-partial.size);
    await partial.restart();
  };
  for (let mismatches = 0; ; ) {
    // What came from one version of the stored object must not be continued with another.
    const source: { etag?: string | undefined } = {};
    let furthest = partial.size;
    const attempt = async () => {
      if (partial.size === file.size) return;
      try {
        await fetchRest(partial, file, repo, source, restart, settings, { signal, onBytes });
      } finally {
        furthest = Math.max(furthest, partial.size);
      }
    };
    await retry(attempt, {
      what,
      delay: settings.retryDelay,
      attempts: settings.attempts,
      signal,
      progress: () => furthest,
    });
    if (partial.isWhole()) return;
    await restart();
    mismatches += 1;
    if (mismatches === MAX_MISMATCHES) {
      throw new ConfigurationError(
        `${file.path} of ${describeRepo(repo)} came ${mismatches} times with other content than the hub's digest ${file.etag} says`,
        {
          hint: `A proxy or a mirror may change what it passes on: is HF_ENDPOINT (${settings.endpoint}) right?`,
        },
      );
    }
  }
}

/** One request for what is missing. */
async function fetchRest(
  partial: PartialFile,
  file: FileContent,
  repo: HubRepo,
  source: { etag?: string | undefined },
  restart: () => Promise<void>,
  settings: HubSettings,
  { signal, onBytes }: Pick<DownloadOptions, 'signal' | 'onBytes'>,
): Promise<void> {
  const from = partial.size;
  const range = from > 0 ? { range: `bytes=${from}-` } : {};
  const unchanged = from > 0 && source.etag ? { 'if-range': source.etag } : {};
  await request(
    {
      url: contentUrl(repo, file.path, settings),
      subject: { ...repo, revision: repo.commit, file: file.path },
      timeout: settings.downloadTimeout,
      headers: { ...range, ...unchanged },
      signal,
    },
    settings,
    async (answer) => {
      if (!continues(answer, from, file.size, source)) {
        await restart();
        if (answer.status === 206) throw new TransientError('another part came than was asked for');
      }
      const etag = answer.headers.get('etag');
      // Only a strong one says that the bytes are the same (RFC 9110, 13.1.5).
      source.etag = etag?.startsWith('"') ? etag : undefined;
      checkLength(answer, partial.size, file.size);
      for await (const piece of answer.body) {
        if (partial.size + piece.length > file.size) {
          await restart();
          throw new TransientError(`more came than the file's ${file.size} bytes`);
        }
        await partial.append(piece);
        onBytes(piece.length);
      }
      if (partial.size < file.size) {
        throw new TransientError(`the answer ended after ${partial.size} of ${file.size} bytes`);
      }
    },
  ).catch(async (error) => {
    // Range Not Satisfiable: the server's file is shorter than what is here, so that can't be right.
    if (error instanceof TransientError && error.status === 416) await restart();
    throw error;
  });
}

/** Whether an answer goes on exactly where the partial file ends, with the same version of the stored object. */
function continues(
  { status, headers }: Answer,
  from: number,
  size: number,
  source: { etag?: string | undefined },
): boolean {
  if (from === 0) return true;
  const etag = headers.get('etag');
  return (
    status === 206 &&
    !isEncoded(headers) &&
    headers.get('content-range') === `bytes ${from}-${size - 1}/${size}` &&
    (source.etag === undefined || etag === null || etag === source.etag)
  );
}

function checkLength({ headers }: Answer, from: number, size: number): void {
  const announced = headers.get('content-length');
  if (announced !== null && !isEncoded(headers) && from + Number(announced) !== size) {
    throw new TransientError(`the answer has ${announced} bytes where ${size - from} are missing`);
  }
}

/** Packed in spite of what was asked for: lengths and ranges are then not those of the file. */
function isEncoded(headers: Headers): boolean {
  return (headers.get('content-encoding') ?? 'identity') !== 'identity';
}
