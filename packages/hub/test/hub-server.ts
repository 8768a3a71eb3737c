import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** Ways to answer a request for content other than a good server does. */
export const CONTENT_FAULTS = [
  'drop',
  'reset',
  '429',
  '500',
  '503',
  'short',
  'unannounced',
  'long',
  'wrong',
  'moved',
  'slow',
  'stall',
  'mute',
  'whole',
  'whole-cut',
  'other-part',
  'other-version',
  'swapped',
  'packed',
] as const;

/** The same for requests about a repository. */
export const API_FAULTS = ['drop', 'reset', '429', '500', 'mute', 'unannounced', 'html'] as const;

export type Fault = (typeof CONTENT_FAULTS)[number] | (typeof API_FAULTS)[number];

export interface ServedFile {
  content: Buffer;
  /** Stored elsewhere and named by its SHA-256, as large files are. */
  lfs: boolean;
}

export interface ServedRepo {
  commit: string;
  files: Record<string, ServedFile>;
  /** Answers every request with this. */
  refusal?: { status: number; headers: Record<string, string> };
  /** Readable only with this token. */
  token?: string;
}

export interface LoggedRequest {
  host: 'hub' | 'storage';
  method: string;
  path: string;
  range: string | undefined;
  ifRange: string | undefined;
  authorization: string | undefined;
}

/** Part of the address that a hub redirects to; must not be seen by anybody. */
export const SIGNATURE = 'signature-of-the-storage-host';

/**
 * A hub and the host that stores its large files, on two ports, which misbehave when told to.
 *
 * It answers what our client and Python's ask: the API, pages of the list of files, and content with byte ranges.
 */
export class HubServer {
  /** By `datasets/ID` or `models/ID`. */
  readonly repos: Record<string, ServedRepo> = {};
  readonly log: LoggedRequest[] = [];
  /** Decides about each request; `kind` is `content` or `api`, `name` a path. */
  fault: (kind: 'content' | 'api', name: string) => Fault | undefined = () => undefined;
  /** Seconds, or a date, that 429 and 503 ask to wait. */
  retryAfter: () => string = () => '0';
  /** Bytes per piece and milliseconds between two of them, for `slow`. */
  pace = { bytes: 16_384, pause: 1 };

  readonly #hub: Server;
  readonly #storage: Server;

  constructor() {
    this.#hub = createServer((request, response) => void this.#answer('hub', request, response));
    this.#storage = createServer((request, response) => void this.#answer('storage', request, response));
  }

  async start(): Promise<void> {
    // Two names of one machine: a client that goes by names takes them for two hosts.
    this.#hub.listen(0, '127.0.0.1');
    this.#storage.listen(0, 'localhost');
    await Promise.all([this.#hub, this.#storage].map((server) => once(server, 'listening')));
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${portOf(this.#hub)}`;
  }

  /** Requests that were answered with content, or tried to be. */
  contentRequests(): LoggedRequest[] {
    return this.log.filter(
      ({ host, path, method }) => method === 'GET' && (host === 'storage' || path.includes('/resolve/')),
    );
  }

  async #answer(
    host: LoggedRequest['host'],
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const url = new URL(request.url ?? '/', this.endpoint);
    const { range, authorization, 'if-range': ifRange } = request.headers;
    this.log.push({
      host,
      method: request.method ?? '',
      path: url.pathname + url.search,
      range,
      ifRange: ifRange as string | undefined,
      authorization,
    });
    response.on('error', () => {});
    if (host === 'storage') {
      const file = Object.values(this.repos)
        .flatMap(({ files }) => Object.values(files))
        .find((each) => url.pathname === `/${etagOf(each)}`);
      if (!file || url.searchParams.get('X-Signature') !== SIGNATURE) return refuse(response, 403, {});
      // A storage host has etags of its own.
      return this.#send(request, response, file, `"${etagOf(file).slice(0, 32)}"`, url.pathname);
    }
    if (url.pathname === '/moved') {
      response.writeHead(302, { location: url.searchParams.get('to') ?? '' }).end();
      return;
    }
    const api = /^\/api\/((?:datasets|models)\/[\w.-]+\/[\w.-]+)\/(revision|tree)\/([^/]+)$/.exec(
      url.pathname,
    );
    const content = /^\/(datasets\/)?([\w.-]+\/[\w.-]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const key = api ? (api[1] ?? '') : content ? `${content[1] ?? 'models/'}${content[2]}` : '';
    const repo = this.repos[key];
    if (!repo) return refuse(response, 401, { 'x-error-code': 'RepoNotFound' });
    if (repo.refusal) return refuse(response, repo.refusal.status, repo.refusal.headers);
    if (repo.token && authorization !== `Bearer ${repo.token}`)
      return refuse(response, 401, { 'x-error-code': 'RepoNotFound' });
    const revision = decodeURIComponent(api?.[3] ?? content?.[3] ?? '');
    if (revision !== 'main' && revision !== repo.commit)
      return refuse(response, 404, { 'x-error-code': 'RevisionNotFound' });
    if (api) return this.#sendApi(response, url, repo, key, api[2] === 'tree');
    const name = decodeURIComponent(content?.[4] ?? '');
    const file = repo.files[name];
    if (!file)
      return refuse(response, 404, { 'x-error-code': 'EntryNotFound', 'x-repo-commit': repo.commit });
    response.setHeader('x-repo-commit', repo.commit);
    if (!file.lfs) return this.#send(request, response, file, `"${etagOf(file)}"`, name);
    response.writeHead(302, {
      location: `http://localhost:${portOf(this.#storage)}/${etagOf(file)}?X-Signature=${SIGNATURE}`,
      'x-linked-etag': `"${etagOf(file)}"`,
      'x-linked-size': file.content.length,
    });
    response.end();
  }

  #sendApi(response: ServerResponse, url: URL, repo: ServedRepo, key: string, tree: boolean): void {
    const [kind, ...id] = key.split('/');
    const files = Object.entries(repo.files);
    const PAGE = 2;
    const first = Number(url.searchParams.get('cursor') ?? 0);
    if (tree && first + PAGE < files.length) {
      const next = new URL(url);
      next.searchParams.set('cursor', String(first + PAGE));
      response.setHeader('link', `<${next}>; rel="next"`);
    }
    const body = tree
      ? files.slice(first, first + PAGE).map(([path, file]) => ({
          type: 'file',
          path,
          size: file.content.length,
          oid: file.lfs ? gitOid(pointerOf(file)) : etagOf(file),
          ...(file.lfs ? { lfs: { oid: etagOf(file), size: file.content.length, pointerSize: 130 } } : {}),
        }))
      : {
          _id: '1',
          id: id.join('/'),
          sha: repo.commit,
          private: false,
          disabled: false,
          gated: false,
          downloads: 0,
          likes: 0,
          tags: [],
          lastModified: '2024-05-01T00:00:00.000Z',
          createdAt: '2024-05-01T00:00:00.000Z',
          siblings: files.map(([rfilename]) => ({ rfilename })),
          kind,
        };
    const text = Buffer.from(JSON.stringify(body));
    const fault = this.fault('api', url.pathname);
    if (fault === 'mute') return;
    if (fault === 'reset') return void response.socket?.destroy();
    if (fault === '500' || fault === '429')
      return refuse(response, Number(fault), { 'retry-after': this.retryAfter() });
    if (fault === 'html') return void response.end('<html>Log in to the network</html>');
    response.setHeader('content-type', 'application/json');
    if (fault === 'unannounced') return cutShort(response, text);
    response.setHeader('content-length', text.length);
    if (fault === 'drop') return dropAfter(response, firstHalf(text));
    response.end(text);
  }

  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    { content }: ServedFile,
    etag: string,
    name: string,
  ): Promise<void> {
    const fault = request.method === 'GET' ? this.fault('content', name) : undefined;
    if (fault === 'mute') return;
    if (fault === 'reset') return void response.socket?.destroy();
    if (fault === '500') return refuse(response, 500, {});
    if (fault === '429' || fault === '503')
      return refuse(response, Number(fault), { 'retry-after': this.retryAfter() });
    if (fault === 'moved') {
      return void response
        .writeHead(307, { location: `${this.endpoint}/moved?to=${encodeURIComponent(absolute(request))}` })
        .end();
    }
    const { range, 'if-range': ifRange } = request.headers;
    const version = fault === 'other-version' || fault === 'swapped' ? '"another version"' : etag;
    const asked = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (asked >= content.length && asked > 0)
      return refuse(response, 416, { 'content-range': `bytes */${content.length}` });
    const partial =
      asked > 0 &&
      fault !== 'whole' &&
      fault !== 'whole-cut' &&
      (ifRange === undefined || ifRange === version || fault === 'swapped');
    const from = !partial ? 0 : fault === 'other-part' ? asked - 1 : asked;
    let body = content.subarray(from);
    response.statusCode = partial ? 206 : 200;
    response.setHeader('etag', version);
    response.setHeader('accept-ranges', 'bytes');
    if (partial) response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
    if (request.method === 'HEAD') return void response.setHeader('content-length', body.length).end();
    if (fault === 'packed') {
      body = gzipSync(body);
      response.setHeader('content-encoding', 'gzip');
    }
    if (fault === 'wrong')
      body = Buffer.from(body.map((byte, index) => (index === body.length >> 1 ? byte ^ 1 : byte)));
    if (fault === 'long') body = Buffer.concat([body, Buffer.from('more')]);
    if (fault === 'unannounced') return cutShort(response, body);
    response.setHeader('content-length', fault === 'short' ? body.length >> 1 : body.length);
    if (fault === 'drop' || fault === 'whole-cut') return dropAfter(response, firstHalf(body));
    if (fault === 'short') return void response.end(body.subarray(0, body.length >> 1));
    if (fault === 'stall') return void response.write(firstHalf(body));
    if (fault === 'slow') {
      for (let at = 0; at < body.length && !response.destroyed; at += this.pace.bytes) {
        response.write(body.subarray(at, at + this.pace.bytes));
        await sleep(this.pace.pause);
      }
      return void response.end();
    }
    response.end(body);
  }
}

/** The name that a hub gives the content: its git blob id, or its SHA-256. */
export function etagOf(file: ServedFile): string {
  return file.lfs ? createHash('sha256').update(file.content).digest('hex') : gitOid(file.content);
}

function gitOid(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

function pointerOf(file: ServedFile): Buffer {
  return Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${etagOf(file)}\nsize ${file.content.length}\n`,
  );
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, headers).end('{"error":"no"}');
}

/** Ends the connection within the announced body, once the other side has had time to take the part. */
function dropAfter(response: ServerResponse, part: Buffer): void {
  response.write(part, () => setTimeout(() => response.socket?.destroy(), 30));
}

/** A body without a length, which the end of the connection ends too early: no client can see that it is cut. */
function cutShort(response: ServerResponse, body: Buffer): void {
  response.removeHeader('content-length');
  response.useChunkedEncodingByDefault = false;
  response.shouldKeepAlive = false;
  response.end(firstHalf(body));
}

/** At least one byte of one, so that a fault that halves what is left comes to an end. */
function firstHalf(body: Buffer): Buffer {
  return body.subarray(0, Math.ceil(body.length / 2));
}

function absolute(request: IncomingMessage): string {
  return `http://${request.headers.host}${request.url}`;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
