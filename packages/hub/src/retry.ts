import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError, formatSeconds } from '@prometheus-actions/stage';

const LONGEST_DELAY = 30_000;
/** A hub that asks for more patience than this is not waited for. Milliseconds. */
const LONGEST_RETRY_AFTER = 3_600_000;

/** A failure that may pass: tried again, after `retryAfter` milliseconds where the server named a time. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(reason: string, answer: { status?: number; retryAfter?: number | undefined } = {}) {
    super(reason);
    this.status = answer.status;
    this.retryAfter = answer.retryAfter;
  }
}

/**
 * Runs `attempt` until it succeeds, fails for good, or fails too often without progress. The wait doubles each time
 * and is spread at random over its second half, so that many clients don't come back at once.
 *
 * @param options.delay the first wait, in milliseconds
 * @param options.attempts how often it may fail one after the other, without any progress between
 * @param options.progress a number that only grows when an attempt got further than all before; failures before that
 *   no longer count then
 * @throws ConfigurationError after too many failures; whatever else `attempt` throws, and the signal's reason
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  options: {
    what: string;
    delay: number;
    attempts: number;
    signal?: AbortSignal | undefined;
    progress?: () => number;
  },
): Promise<T> {
  const { what, delay, attempts, signal, progress = () => 0 } = options;
  let furthest = progress();
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (progress() > furthest) failures = 1;
      furthest = Math.max(furthest, progress());
      const { message, retryAfter = 0 } = error;
      if (retryAfter > LONGEST_RETRY_AFTER) {
        throw new ConfigurationError(
          `${what}: ${message}, and asks to wait ${formatSeconds(retryAfter / 1000)}`,
          {
            hint: 'Run again then. A hub answers more often to those who send a token (HF_TOKEN).',
          },
        );
      }
      if (failures === attempts) {
        throw new ConfigurationError(`${what} failed ${failures} times: ${message}`, {
          hint: 'Check the network and HF_ENDPOINT, then run again: what was fetched is kept.',
        });
      }
      const wait = Math.min(delay * 2 ** (failures - 1), LONGEST_DELAY);
      const pause = retryAfter + wait * (0.5 + Math.random() / 2);
      await sleep(pause, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
    }
  }
}

/**
 * Milliseconds that a server asks to wait: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), or the reset time
 * of a used up `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers-09), which the Hugging Face hub sends.
 */
export function retryAfterOf(headers: Headers, now = Date.now()): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (value && /^\d+$/.test(value)) return Number(value) * 1000;
  if (value && !Number.isNaN(Date.parse(value))) return Math.max(0, Date.parse(value) - now);
  const reset = /"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];
  return reset === undefined ? undefined : Number(reset) * 1000;
}
