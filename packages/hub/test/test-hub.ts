import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { afterEach, beforeEach, expect } from 'vitest';
import type { HubRepo, HubSettings } from '../src/index.ts';
import { HubServer, type ServedFile } from './hub-server.ts';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';
export const REPO: HubRepo = { type: 'dataset', id: 'owner/rows', commit: COMMIT };

/** A running hub and an empty cache for every test of a file. */
export function useHub(): { server: HubServer; cacheDir: string; settings: HubSettings } {
  const hub = {} as ReturnType<typeof useHub>;
  beforeEach(async () => {
    hub.server = new HubServer();
    await hub.server.start();
    hub.cacheDir = mkdtempSync(path.join(tmpdir(), 'hub-'));
    hub.settings = {
      endpoint: hub.server.endpoint,
      cacheDir: hub.cacheDir,
      metadataTimeout: 2_000,
      downloadTimeout: 2_000,
      retryDelay: 1,
      attempts: 6,
    };
  });
  afterEach(async () => {
    await hub.server.stop();
    rmSync(hub.cacheDir, { recursive: true, force: true });
  });
  return hub;
}

/** Bytes that are the same for the same name. */
export function bytes(name: string, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 64) }, (_, index) =>
    createHash('sha512').update(`${name} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

export function gitFile(name: string, size: number): ServedFile {
  return { content: bytes(name, size), lfs: false };
}

export function lfsFile(name: string, size: number): ServedFile {
  return { content: bytes(name, size), lfs: true };
}

/** The ConfigurationError that `work` has to end with. */
export async function mistake(work: Promise<unknown>): Promise<ConfigurationError> {
  const error = await work.then(
    () => new Error('nothing was wrong'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof ConfigurationError)) throw error;
  expect(error.hint).toBeTruthy();
  return error;
}
