/** The work was asked to end by a signal; not an error of anybody's. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';

  constructor(signal: NodeJS.Signals) {
    super(`cancelled by ${signal}`);
  }
}

/** Aborts on the first SIGINT or SIGTERM; running stages then save what they can and end. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort(new CancelledError(signal)));
  }
  return controller.signal;
}
