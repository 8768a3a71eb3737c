import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from './canonical-json.ts';

/** What a child stage tells, one JSON object a line; the kinds stand in `prometheus_trainer/events.py`. */
export type StageEvent =
  | { event: 'phase'; name: string }
  | { event: 'progress'; done: number; total: number; unit: string }
  | { event: 'train' | 'evaluation'; step: number; loss: number | string; [key: string]: Json }
  | { event: 'rows'; split: string; rows: number; without_label: number; cut_answer: number }
  | { event: 'checkpoint' | 'stopped'; step: number }
  | { event: 'notice' | 'warning'; message: string }
  | { event: 'error'; kind: 'configuration' | 'diverged' | 'internal'; message: string; hint: string | null }
  | { event: 'done'; metrics: { [key: string]: Json } };

const POLL_MS = 150;

/**
 * Calls `onEvent` for every whole line appended to `file` from now on, until `stop`, which reads what is left.
 * The file may not exist yet. A line that isn't JSON (a child killed in the middle of writing) is passed over.
 */
export function followEvents(
  file: string,
  onEvent: (event: StageEvent) => void,
): { stop: () => Promise<void> } {
  let position = 0;
  let rest: Buffer = Buffer.alloc(0);
  const stopping = new AbortController();

  const readNew = async () => {
    const handle = await open(file, 'r').catch(() => undefined);
    if (!handle) return;
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(Math.max(0, size - position));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, position);
      position += bytesRead;
      rest = Buffer.concat([rest, bytes.subarray(0, bytesRead)]);
    } finally {
      await handle.close();
    }
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const event = parseEvent(rest.subarray(0, end).toString('utf8'));
      rest = rest.subarray(end + 1);
      if (event) onEvent(event);
    }
  };

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await readNew();
      await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await readNew();
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

function parseEvent(line: string): StageEvent | undefined {
  try {
    const event = JSON.parse(line) as StageEvent;
    return typeof event.event === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}
