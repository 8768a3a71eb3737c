/**
 * @param added variables that win over this process's
 * @param kept names of variables that the child needs though they hold secrets
 */
export function childEnvironment(
  added?: Record<string, string>,
  kept?: RegExp,
  env?: Record<string, string | undefined>,
): Record<string, string>;
export function pathOutside(env?: Record<string, string | undefined>): string;
