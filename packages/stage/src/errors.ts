/** Where in a file a mistake stands; line and column count from 1. */
export interface Place {
  file: string;
  line?: number | undefined;
  column?: number | undefined;
}

/**
 * A mistake that the user can put right: a wrong key, a missing file, too little disk.
 *
 * It is printed without a stack, as `file:line:column: problem`, then `hint`, and ends a command with exit code 2.
 * Every other error is a bug of ours and keeps its stack.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problem: string;
  /** What to do about it. */
  readonly hint: string | undefined;
  readonly place: Place | undefined;

  constructor(
    problem: string,
    options: { hint?: string | undefined; place?: Place | undefined; cause?: unknown } = {},
  ) {
    const where = options.place ? `${formatPlace(options.place)}: ` : '';
    super(`${where}${problem}${options.hint ? `\n  ${options.hint}` : ''}`, { cause: options.cause });
    this.problem = problem;
    this.hint = options.hint;
    this.place = options.place;
  }
}

/** `file`, `file:line` or `file:line:column`, as editors and terminals link it. */
export function formatPlace(place: Place): string {
  return [place.file, place.line, place.line === undefined ? undefined : place.column]
    .filter((part) => part !== undefined)
    .join(':');
}

/** A child process failed. Its own output, in the message, says why; our stack would say nothing. */
export class ChildProcessError extends Error {
  override readonly name = 'ChildProcessError';
}
