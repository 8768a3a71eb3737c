import { runInNewContext } from 'node:vm';

/** Milliseconds that a template or a pattern of a recipe has; one of a few lines takes one. */
const MOST_TIME = 1000;

/** The result of a function, stopped at a time limit: it runs text that the author of a recipe wrote. */
export function withinTime<Result>(work: () => Result, milliseconds = MOST_TIME): Result {
  return runInNewContext('work()', { work }, { timeout: milliseconds }) as Result;
}
