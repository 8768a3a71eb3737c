import { ConfigurationError } from '@prometheus-actions/stage';
import { expect } from 'vitest';

/** The message of the ConfigurationError that a run has to end with; it says what to do. */
export async function fault(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => new Error('no fault was found'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof ConfigurationError)) throw error;
  expect(error.hint).toBeTruthy();
  return error.message;
}
