import { getInput } from '@actions/core';
import { ConfigurationError } from '@prometheus-actions/stage';
import type { z } from 'zod';

/**
 * All inputs of an action, as its request describes them.
 *
 * @throws ConfigurationError naming the first input that is wrong
 */
export function actionInputs<Inputs extends z.ZodObject>(schema: Inputs): z.output<Inputs> {
  const values = Object.fromEntries(
    Object.keys(schema.shape).map((key) => [key, getInput(key.replaceAll('_', '-'))]),
  );
  const inputs = schema.safeParse(values);
  if (inputs.success) return inputs.data;
  const [issue] = inputs.error.issues;
  throw new ConfigurationError(`input ${String(issue?.path[0]).replaceAll('_', '-')}: ${issue?.message}`);
}
