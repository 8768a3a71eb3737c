import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createGzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchFiles, type HubRepo, type HubSettings, listRepoFiles, resolveRepo } from '../src/index.ts';
import { COMMIT, mistake } from './test-hub.ts';

const REPO: HubRepo = { type: 'model', id: 'owner/model', commit: COMMIT };
const CONTENT = Buffer.from('{"model_type": "mistral"}');
const OID = createHash('sha1').update(`blob ${CONTENT.length}\0`).update(CONTENT).digest('hex');
const BLOCK = Buffer.alloc(1 << 16, 'x');

let cacheDir: string;
let server: Server | undefined;
let requests: string[];
let sent: number;

beforeEach(() => {
  cacheDir = mkdtempSync(path.join(tmpdir(), 'hub-limits-'));
  requests = [];
  sent = 0;
});
afterEach(async () => {
  server?.close();
  server?.closeAllConnections();
  rmSync(cacheDir, { recursive: true, force: true });
});

/** A hub of one answer for each request, on 127.0.0.1. */
async function hub(answer: RequestListener): Promise<HubSettings> {
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.on('error', () => {});
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const patience = { metadataTimeout: 2000, downloadTimeout: 2000, retryDelay: 1, attempts: 2 };
  return { endpoint, cacheDir, ...patience };
}

const isList = (url = '') => url.includes('/tree/');

/** The list of a repository with one file of this size, by what it says. */
function sendList(response: ServerResponse, size: number): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify([{ type: 'file', path: 'config.json', size, oid: OID }]));
}

/** Bytes until the other side has enough of them; what is sent is counted. */
function sendForever(response: ServerResponse, packed = false): void {
  const out = packed ? createGzip() : response;
  if (packed) out.pipe(response);
  const write = () => {
    while (!response.destroyed && sent < 1 << 30) {
      sent += BLOCK.length;
      if (!out.write(BLOCK)) return void out.once('drain', write);
    }
  };
  response.on('close', () => response.destroy());
  write();
}

/** Bytes of all files in the cache. */
function cachedBytes(): number {
  return readdirSync(cacheDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(path.join(parentPath, name)).size, 0);
}

const LIMIT = 1000;
const fetchConfig = (settings: HubSettings, mostBytes = LIMIT) =>
  fetchFiles(REPO, ['config.json'], settings, { mostBytes });

describe('a file with a limit', () => {
  it('is fetched where it is small enough', async () => {
    const settings = await hub((request, response) =>
      isList(request.url) ? sendList(response, CONTENT.length) : response.end(CONTENT),
    );
    expect(await fetchConfig(settings)).toHaveLength(1);
  });

  it.each([
    [
      'larger than that',
      8e9,
      /config.json of the model owner\/model has 8.0 GB, and no more than 1.0 kB are read/,
    ],
    ['one byte larger', LIMIT + 1, /no more than 1.0 kB are read/],
  ])('is refused before a byte of it where it is listed as %s', async (_, size, problem) => {
    const settings = await hub((request, response) =>
      isList(request.url) ? sendList(response, size) : sendForever(response),
    );
    expect((await mistake(fetchConfig(settings))).message).toMatch(problem);
    expect(requests.filter((url) => !isList(url))).toEqual([]);
    expect(cachedBytes()).toBeLessThan(1000);
  });

  it.each([
    ['has no length', {}, false],
    ['announces another length', { 'content-length': '8000000000' }, false],
    ['is packed', { 'content-encoding': 'gzip' }, true],
  ])('is not taken beyond its listed size where the answer %s', async (_, headers, packed) => {
    const settings = await hub((request, response) => {
      if (isList(request.url)) return sendList(response, CONTENT.length);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      sendForever(response, packed);
    });
    expect((await mistake(fetchConfig(settings))).message).toMatch(/failed 2 times/);
    expect(cachedBytes()).toBeLessThan(1000);
    // What the system buffers between the two, twice; packed, a thousand times as much.
    expect(sent).toBeLessThan(packed ? 1 << 30 : 64 << 20);
  });
});

it('refuses files that no disk has room for, before a byte of them', async () => {
  const settings = await hub((request, response) =>
    isList(request.url) ? sendList(response, Number.MAX_SAFE_INTEGER) : sendForever(response),
  );
  const error = await mistake(fetchFiles(REPO, ['config.json'], settings));
  expect(error.message).toMatch(/TB are to be fetched, and the disk of the cache .* free/);
  expect(requests.filter((url) => !isList(url))).toEqual([]);
});

describe('a list of files without an end', () => {
  const next = (response: ServerResponse, url: string) => response.setHeader('link', `<${url}>; rel="next"`);

  it('is refused where it is one answer', async () => {
    const settings = await hub((_, response) => sendForever(response));
    expect((await mistake(listRepoFiles(REPO, settings))).message).toMatch(
      /the answer has more than 16.8 MB/,
    );
    expect(sent).toBeLessThan(128 << 20);
    expect(cachedBytes()).toBe(0);
  });

  it('is refused where a packed answer unpacks to it', async () => {
    const settings = await hub((_, response) => {
      response.setHeader('content-encoding', 'gzip');
      sendForever(response, true);
    });
    expect((await mistake(listRepoFiles(REPO, settings))).message).toMatch(
      /the answer has more than 16.8 MB/,
    );
  });

  it('is refused where a page names itself as the next', async () => {
    const settings = await hub((request, response) => {
      next(response, `${settings.endpoint}${request.url}`);
      sendList(response, 1);
    });
    expect((await mistake(listRepoFiles(REPO, settings))).message).toMatch(/lists a page of .* twice/);
    expect(requests).toHaveLength(1);
  });

  it('is refused where each page names another', async () => {
    const settings = await hub((_, response) => {
      next(response, `${settings.endpoint}/api/models/owner/model/tree/${COMMIT}?cursor=${requests.length}`);
      sendList(response, 1);
    });
    expect((await mistake(listRepoFiles(REPO, settings))).message).toMatch(/more than 2000 pages/);
    expect(requests).toHaveLength(2000);
  });
});

describe('an answer that is no file', () => {
  it('is not read to its end where it is an error', async () => {
    const settings = await hub((_, response) => {
      response.writeHead(403, { 'x-error-message': 'no' });
      sendForever(response);
    });
    const asked = { type: 'model', id: 'owner/model', revision: 'main' } as const;
    expect((await mistake(resolveRepo(asked, settings))).message).toMatch(/answered 403/);
    expect(sent).toBeLessThan(64 << 20);
  });

  it('is not read to its end where it is a redirect, nor followed in a circle', async () => {
    const settings = await hub((request, response) => {
      if (isList(request.url)) return sendList(response, CONTENT.length);
      response.writeHead(302, { location: `${settings.endpoint}/again` });
      sendForever(response);
    });
    expect((await mistake(fetchConfig(settings))).message).toMatch(/more than 10 redirects/);
    expect(requests.length).toBeLessThan(30);
    expect(sent).toBeLessThan(256 << 20);
  });
});
