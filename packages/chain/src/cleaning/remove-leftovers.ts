import { randomBytes } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError, lockHolder, lockOutput } from '@prometheus-actions/stage';
import { type OutputFacts, outputFacts } from './artifacts-facts.ts';
import { type CleaningRules, chooseLeftovers, type Leftover } from './leftovers.ts';

/**
 * Removes what was chosen of one output, under the lock of that output, as far as it would still be chosen now.
 *
 * @param facts about all outputs of the folder
 * @returns the leftovers with what became of them: those that stayed have the fate `keep`, with the reason
 */
export async function removeLeftovers(
  artifactsDir: string,
  output: string,
  chosen: readonly Leftover[],
  facts: readonly OutputFacts[],
  rules: CleaningRules,
): Promise<Leftover[]> {
  const outputDir = path.join(artifactsDir, output);
  const kept = (reason: string) =>
    chosen.map((leftover): Leftover => ({ ...leftover, fate: 'keep', reason }));
  const parent = path.dirname(outputDir);
  if ((await realpath(parent).catch(() => '')) !== parent) return kept('its folder has become a link');
  const lock = await lockOutput(outputDir).catch((error: unknown) => {
    if (error instanceof ConfigurationError) return error;
    throw error;
  });
  if (lock instanceof ConfigurationError) return kept(lock.problem);
  try {
    const now = chooseLeftovers(await factsNow(artifactsDir, output, facts), rules);
    const results: Leftover[] = [];
    for (const { path: target } of chosen) {
      const leftover = now.find((one) => one.path === target);
      if (leftover?.fate === 'remove') await removeAtOnce(leftover.path, outputDir);
      if (leftover) results.push(leftover);
    }
    return results;
  } finally {
    lock.release();
  }
}

/** The facts as they are now, where this process holds the lock of one output. */
async function factsNow(
  artifactsDir: string,
  output: string,
  facts: readonly OutputFacts[],
): Promise<OutputFacts[]> {
  return Promise.all(
    facts.map(async ({ holder: _, ...fact }) => {
      if (fact.name === output) return outputFacts(artifactsDir, output);
      const holder = await lockHolder(path.join(artifactsDir, fact.name));
      return { ...fact, ...(holder !== undefined && { holder }) };
    }),
  );
}

/** Renamed first: whatever interrupts the removal, an output or a checkpoint that has its name is whole. */
async function removeAtOnce(target: string, outputDir: string): Promise<void> {
  const doomed = path.join(
    path.dirname(outputDir),
    `.${path.basename(outputDir)}.${randomBytes(6).toString('hex')}.removed`,
  );
  await rename(target, doomed);
  await rm(doomed, { recursive: true, force: true });
}
