import { z } from 'zod';

/*
 * The types of inputs that requests have. An action's are texts, and so are a command's options; `type` is what the text has
 * to be, for the tables of the READMEs.
 */

/** A text; the empty one, which is what an action's input has when it is not given, counts as not given. */
export const text = (description: string) =>
  z
    .string()
    .transform((value) => value.trim() || undefined)
    .optional()
    .describe(description)
    .meta({ type: 'text' });

export const wholeNumber = (description: string) =>
  z
    .string()
    .regex(/^\s*\d*\s*$/, 'expected a whole number')
    .transform((value) => (value.trim() ? Number(value) : undefined))
    .optional()
    .describe(description)
    .meta({ type: 'whole number' });

export const number = (description: string) =>
  z
    .string()
    .refine((value) => !Number.isNaN(Number(value)), 'expected a number')
    .transform((value) => (value.trim() ? Number(value) : undefined))
    .optional()
    .describe(description)
    .meta({ type: 'number' });

/** True or false, false when it is not given. */
export const flag = (description: string) =>
  z
    .string()
    .regex(/^\s*(true|false)?\s*$/i, 'expected true or false')
    .transform((value) => value.trim().toLowerCase() === 'true')
    .optional()
    .describe(description)
    .meta({ type: 'true or false', default: 'false' });

/** Several values: one a line in an action, one an option on the command line. */
export const list = (description: string) =>
  z
    .string()
    .transform((value) =>
      value
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean),
    )
    .optional()
    .describe(description)
    .meta({ type: 'lines' });
