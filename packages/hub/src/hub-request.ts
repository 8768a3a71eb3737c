import { ConfigurationError, formatBytes, formatSeconds } from '@prometheus-actions/stage';
import { type Answer, httpGet } from './http-answer.ts';
import type { HubSettings } from './hub-settings.ts';
import { explainRefusal, type Subject } from './refusal.ts';
import { retry, retryAfterOf, TransientError } from './retry.ts';

/** Of an answer about a repository. A page of a list has 1,000 files at most, in some 300 kB. */
const MOST_ANSWER_BYTES = 16 << 20;

export interface HubRequest {
  url: string;
  subject: Subject;
  /** Milliseconds without a byte after which the request is given up. */
  timeout: number;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/**
 * One request, without repetition. Errors name neither address nor headers: an address that a hub redirects to is
 * signed, and so as good as a token.
 *
 * @param read consumes the body
 * @throws TransientError for what may pass; ConfigurationError for a refusal; the signal's reason
 */
export async function request<T>(
  { url, subject, timeout, headers, signal }: HubRequest,
  settings: HubSettings,
  read: (answer: Answer) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    ended.abort();
  }, timeout);
  try {
    const answer = await httpGet(
      url,
      // A server that packs the body would make nonsense of byte ranges.
      (to) => ({ ...headers, 'accept-encoding': 'identity', ...authorization(to, settings) }),
      AbortSignal.any([ended.signal, ...(signal ? [signal] : [])]),
    );
    timer.refresh();
    if (answer.status >= 300) throw refused(answer, subject, settings);
    return await read({ ...answer, body: watched(answer.body, () => timer.refresh()) });
  } catch (error) {
    signal?.throwIfAborted();
    if (silent) throw new TransientError(`no byte came for ${formatSeconds(timeout / 1000)}`);
    throw error;
  } finally {
    clearTimeout(timer);
    // Frees the connection of a body that was not read to its end.
    ended.abort();
  }
}

/**
 * A `fetch` for the hub's library: it repeats what may pass and explains refusals. The token is added here and only
 * here, so the library is given none.
 */
export function hubFetch(
  what: string,
  subject: Subject,
  settings: HubSettings,
  signal?: AbortSignal,
): typeof fetch {
  return (url) =>
    retry(
      () =>
        request(
          { url: String(url), subject, timeout: settings.metadataTimeout, signal },
          settings,
          async ({ status, headers, body }) => {
            const json = await limitedText(body, what);
            if (!isWholeJson(json)) throw new TransientError('the answer is not whole JSON');
            return new Response(json, { status, headers });
          },
        ),
      { what, delay: settings.retryDelay, attempts: settings.attempts, signal },
    );
}

/** Counted as it is unpacked: a small packed answer may be a large one. */
async function limitedText(body: AsyncIterable<Uint8Array>, what: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > MOST_ANSWER_BYTES) {
      throw new ConfigurationError(`${what}: the answer has more than ${formatBytes(MOST_ANSWER_BYTES)}`, {
        hint: 'Does HF_ENDPOINT name a hub that you trust?',
      });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** Every piece shows that the other side is alive; so does our own work on the piece before. */
async function* watched(body: AsyncIterable<Uint8Array>, alive: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    alive();
    yield piece;
    alive();
  }
}

/** The token goes to the hub alone, also where a redirect leads elsewhere. */
function authorization(url: URL, { endpoint, token }: HubSettings): Record<string, string> {
  return token && url.origin === new URL(endpoint).origin ? { authorization: `Bearer ${token.value}` } : {};
}

function refused(answer: Answer, subject: Subject, settings: HubSettings): Error {
  const { status, headers, url } = answer;
  // A signed address expires and a storage host has bad days, but what is refused there the hub has granted.
  const foreign = url.origin !== new URL(settings.endpoint).origin;
  const mayPass = status >= 500 || [408, 416, 425, 429].includes(status) || foreign;
  if (!mayPass) return explainRefusal(answer, subject, settings);
  const answered = `${foreign ? 'the storage host' : 'the hub'} answered ${status}`;
  return new TransientError(answered, { status, retryAfter: retryAfterOf(headers) });
}

function isWholeJson(json: string): boolean {
  try {
    return typeof (JSON.parse(json) ?? 0) === 'object';
  } catch {
    return false;
  }
}
