import { ConfigurationError, type Place } from '@prometheus-actions/stage/errors';
import { WritingStopped } from './shard-places.ts';

/** An error, in a form that goes from one thread to another and keeps its class. */
export type ThreadFault =
  | { kind: 'configuration'; problem: string; hint: string | undefined; place: Place | undefined }
  | { kind: 'stopped' }
  | { kind: 'other'; error: unknown; code: unknown };

export function faultOf(error: unknown): ThreadFault {
  if (error instanceof ConfigurationError) {
    const { problem, hint, place } = error;
    return { kind: 'configuration', problem, hint, place };
  }
  if (error instanceof WritingStopped) return { kind: 'stopped' };
  // A copy of an error lacks the code, by which a full disk is told.
  return { kind: 'other', error, code: (error as NodeJS.ErrnoException).code };
}

export function errorOf(fault: ThreadFault): unknown {
  switch (fault.kind) {
    case 'configuration':
      return new ConfigurationError(fault.problem, fault);
    case 'stopped':
      return new WritingStopped();
    case 'other':
      return fault.code === undefined
        ? fault.error
        : Object.assign(fault.error as Error, { code: fault.code });
  }
}
