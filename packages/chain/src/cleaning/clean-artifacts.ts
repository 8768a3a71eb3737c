import { realpath } from 'node:fs/promises';
import path from 'node:path';
import {
  hubSettings,
  type PartialDownload,
  partialDownloads,
  removePartialDownload,
} from '@prometheus-actions/hub';
import type { Plan } from '@prometheus-actions/recipe';
import { ConfigurationError, MANIFEST_FILE, refusalOf } from '@prometheus-actions/stage';
import { artifactsFacts, type OutputFacts } from './artifacts-facts.ts';
import { type CleaningRules, chooseLeftovers, type Leftover } from './leftovers.ts';
import { removeLeftovers } from './remove-leftovers.ts';

export interface Cleaning {
  /** The folder of artifacts. */
  artifactsDir: string;
  /** The plan of the recipe that it belongs to; without one no output counts as unknown to the plan. */
  plan?: Plan | undefined;
  /** Outputs that are to go although they are finished, such as `experts/absolute`. */
  outputs: readonly string[];
  /** What was written to more recently than that many milliseconds ago stays. */
  olderThan: number;
  /** Whether it is done, or only told. */
  remove: boolean;
}

/** A partial download goes on where it stopped: for a day it is worth more than its space. */
const DOWNLOAD_AGE = 24 * 60 * 60 * 1000;

/**
 * Finds, and removes where that is asked for, what nobody needs in a folder of artifacts, and what downloads left in the
 * hub's cache that did not end; the largest first.
 *
 * @throws ConfigurationError for a folder in which no stage has made anything, and for an output that is not there
 */
export async function cleanArtifacts(cleaning: Cleaning): Promise<Leftover[]> {
  const { plan, olderThan } = cleaning;
  const refusal = refusalOf(cleaning.artifactsDir);
  if (refusal) throw refusal;
  const artifactsDir = await realpath(cleaning.artifactsDir).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`${cleaning.artifactsDir} can't be read: ${error.code}`, {
      hint: 'Name the folder of artifacts with --artifacts-dir.',
    });
  });
  const facts = await artifactsFacts(artifactsDir);
  if (!facts.some(({ finished }) => finished)) {
    throw new ConfigurationError(
      `${cleaning.artifactsDir} is no folder of artifacts: no ${MANIFEST_FILE} in it says that a stage made something`,
      { hint: 'Name the folder that holds data, experts and judge.' },
    );
  }
  const rules: CleaningRules = {
    planned: plan && new Set(plan.stages.map(({ outputDir }) => relativeName(plan.artifactsDir, outputDir))),
    named: new Set(cleaning.outputs.map((name) => namedOutput(name, facts))),
    olderThan,
    now: Date.now(),
  };
  const leftovers = chooseLeftovers(facts, rules);
  const downloads = await partialDownloads(hubSettings().cacheDir);
  const told = cleaning.remove ? await removeAll(artifactsDir, leftovers, facts, rules) : leftovers;
  const fetched = await Promise.all(
    downloads.map((download) => downloadLeftover(download, rules, cleaning.remove)),
  );
  return [...told, ...fetched].sort((a, b) => b.bytes - a.bytes);
}

async function removeAll(
  artifactsDir: string,
  leftovers: readonly Leftover[],
  facts: readonly OutputFacts[],
  rules: CleaningRules,
): Promise<Leftover[]> {
  const results = leftovers.filter(({ fate }) => fate === 'keep');
  const chosen = Map.groupBy(
    leftovers.filter(({ fate }) => fate === 'remove'),
    ({ output }) => output ?? '',
  );
  for (const [output, ofOutput] of chosen)
    results.push(...(await removeLeftovers(artifactsDir, output, ofOutput, facts, rules)));
  return results;
}

async function downloadLeftover(
  download: PartialDownload,
  { now, olderThan }: CleaningRules,
  remove: boolean,
): Promise<Leftover> {
  const { path: file, bytes, modified, holder } = download;
  const keep = (reason: string): Leftover => ({ path: file, bytes, modified, fate: 'keep', reason });
  if (holder !== undefined) return keep(`in use by ${holder}`);
  if (now - modified < Math.max(olderThan, DOWNLOAD_AGE))
    return keep('a download that did not end; it goes on there');
  if (remove && !(await removePartialDownload(download))) return keep('in use by another process');
  return { path: file, bytes, modified, fate: 'remove', reason: 'a download that did not end' };
}

/** The name of an output as the facts have it. */
function namedOutput(given: string, facts: readonly OutputFacts[]): string {
  const name = path.posix.normalize(given).replace(/\/$/, '');
  const known = facts.filter(({ finished, unfinished }) => finished || unfinished.length > 0);
  if (known.some((fact) => fact.name === name)) return name;
  throw new ConfigurationError(`--output ${given}: no stage has made such an output here`, {
    hint: `There are ${known.map((fact) => fact.name).join(', ')}.`,
  });
}

function relativeName(folder: string, outputDir: string): string {
  return path.relative(folder, outputDir).split(path.sep).join('/');
}
