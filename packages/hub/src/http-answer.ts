import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { TransientError } from './retry.ts';

const MAX_REDIRECTS = 10;

/** A server's answer; its body is read once, piece by piece, and unpacked where the server packed it. */
export interface Answer {
  /** Where redirects led to. */
  url: URL;
  status: number;
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
}

/**
 * The answer to a GET request, after redirects.
 *
 * Not `fetch`: that of Node 24.21 (undici 7.29) ends the process by a failed assertion, `!this.paused`, when a
 * connection is closed within a body that is read more slowly than it comes.
 *
 * @param headersFor the headers for an address: each redirect may lead to a host that must not see all of them
 * @param signal ends the request, also while the body is read
 * @throws TransientError for whatever fails on the way, then and while the body is read
 */
export async function httpGet(
  address: string,
  headersFor: (url: URL) => Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await open(url, headersFor(url), signal);
    const { location } = response.headers;
    if (location === undefined || ![301, 302, 303, 307, 308].includes(response.statusCode ?? 0)) {
      return {
        url,
        status: response.statusCode ?? 0,
        headers: new Headers(
          Object.entries(response.headersDistinct).map(([name, values]) => [name, `${values}`]),
        ),
        body: pieces(unpacked(response)),
      };
    }
    // Of a redirect only the address counts: its body, which might not end, is not waited for.
    response.destroy();
    if (!URL.canParse(location, url.href)) throw new TransientError('a redirect leads to no address');
    url = new URL(location, url);
  }
  throw new TransientError(`more than ${MAX_REDIRECTS} redirects, one after the other`);
}

function open(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) throw new TransientError(`a redirect leads to ${url.protocol}`);
  const get = url.protocol === 'https:' ? https.get : http.get;
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, signal }, resolve);
    request.on('error', (error) => reject(transient(error)));
    // A failure is seen by whoever reads; one that comes when nobody reads any more is of no interest.
    request.on('response', (response) => response.on('error', () => {}));
  });
}

function unpacked(response: IncomingMessage): Readable {
  const unpack = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress }[
    response.headers['content-encoding'] ?? ''
  ];
  return unpack ? pipeline(response, unpack(), () => {}) : response;
}

async function* pieces(body: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw transient(error as Error);
  }
}

/** The message of a failed connection names host and port at most. Several addresses of a host fail with none. */
function transient(error: NodeJS.ErrnoException): TransientError {
  return new TransientError(error.message || error.code || 'the connection failed');
}
