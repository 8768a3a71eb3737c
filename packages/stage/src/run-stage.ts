import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { publishFolder } from './atomic-publish.ts';
import { digestOf, type Json } from './canonical-json.ts';
import { prepareOutputPlace } from './confined-outputs.ts';
import { ConfigurationError } from './errors.ts';
import { contentDigest, recordFiles } from './file-digests.ts';
import { gitCommit, hardware } from './hardware.ts';
import { findDamage, type InputRecord, MANIFEST_FILE, type Manifest, readManifest } from './manifest.ts';
import { lockOutput } from './output-lock.ts';
import { formatSeconds, type Reporter, type StageProgress } from './reporter.ts';
import { resolveInputs, type StageInput } from './stage-inputs.ts';
import {
  listenToWarnings,
  WarningCollection,
  warningsForManifest,
  warningsOfManifest,
} from './stage-warnings.ts';

/** One stage, ready to run: what it makes, from what, and how. */
export interface Stage {
  /** `prepare-dataset`, `sft-train` … */
  name: string;
  /** For people: `sft-train absolute`. */
  title: string;
  /** Absolute path of the folder that the stage makes. */
  outputDir: string;
  /** Everything that decides the result, as far as a person chose it: the recipe section. */
  settings: Json;
  inputs: Record<string, StageInput>;
  /** Raised when the stage's code writes other bytes for the same settings, inputs and versions. */
  revision: number;
  /** Versions of what computes the result, such as `torch`. */
  versions: Record<string, string>;
  /** Whether an interrupted run goes on where it stopped; otherwise it starts clean. */
  resumable: boolean;
  /** An interrupted run goes on with what is in its output folder, not only in its work folder. */
  keepsOutput?: boolean;
  /** What of the settings an interrupted run must have had for this one to go on with it; all of them by default. */
  resumeSettings?: Json;
  /** Wait for another run that makes the same output, instead of failing. */
  waitForLock?: boolean;
  /** Warnings about its settings, which were reported before it began. */
  warnings?: readonly string[];
  /** Fails early for what would fail late: disk, memory, earlier outputs. Given the staging folder, perhaps not there. */
  preflight?: (stagingDir: string) => Promise<void>;
  /** Makes the output; `stopped` when it was asked to end and can go on later. */
  run: (context: StageContext) => Promise<{ metrics: Json } | 'stopped'>;
  /** A short text about the result for the last line, made from the metrics. */
  describe?: (metrics: Json) => string;
}

/** What a stage's `run` is given. */
export interface StageContext {
  /** The folder to fill; renamed to the output when `run` returns. Exists. */
  stagingDir: string;
  /** For checkpoints and scratch files, on the same disk; removed after publishing. Exists. */
  workDir: string;
  /** Where a child's output is kept, beside the output folder. */
  logFile: string;
  signal: AbortSignal;
  progress: StageProgress;
  reporter: Reporter;
}

/** Keeps outputs by their fingerprints beyond the life of a machine. A failure there is a warning, none of the stage. */
export interface StageCache {
  /** Fills a folder that does not exist yet, as far as there is something for the fingerprint. */
  restore(fingerprint: string, folder: string, reporter: Reporter): Promise<void>;
  /** Keeps the contents of a finished folder. */
  save(fingerprint: string, folder: string, reporter: Reporter): Promise<void>;
}

export interface StageOptions {
  reporter: Reporter;
  signal: AbortSignal;
  cache?: StageCache | undefined;
  /** Hash every file of an output instead of trusting size and modification time. */
  verify?: boolean;
}

export interface StageOutcome {
  status: 'done' | 'up to date' | 'stopped';
  outputDir: string;
  /** Absent when stopped. */
  manifest?: Manifest;
  seconds: number;
}

/**
 * Runs a stage by the contract that all share: fingerprint and up-to-date check, preflight, lock, staging folder,
 * work, manifest, atomic publish, report. An output folder that exists is whole.
 *
 * @throws ConfigurationError for a user's mistake; whatever `run` throws for anything else
 */
export async function runStage(stage: Stage, options: StageOptions): Promise<StageOutcome> {
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  const progress = options.reporter.startStage(stage.title);
  const collected = new WarningCollection();
  for (const text of stage.warnings ?? []) collected.add(text);
  const reporter = listenToWarnings(options.reporter, (text) => collected.add(text));
  try {
    prepareOutputPlace(stage.outputDir);
    const lock = await lockOutput(stage.outputDir, {
      wait: stage.waitForLock ?? false,
      onWait: (holder) => progress.phase(`waiting for ${holder}`),
      signal: options.signal,
    });
    try {
      const outcome = await runLocked(stage, { ...options, reporter }, progress, collected, started);
      const described = outcome.manifest && stage.describe ? stage.describe(outcome.manifest.metrics) : '';
      const time = outcome.status === 'up to date' ? '' : `in ${formatSeconds(seconds())}`;
      const warnings = outcome.manifest ? warningsOfManifest(outcome.manifest) : collected.warnings;
      progress.end(outcome.status, [described, time].filter(Boolean).join(', '), warnings);
      return { ...outcome, outputDir: stage.outputDir, seconds: seconds() };
    } finally {
      lock.release();
    }
  } catch (error) {
    progress.end('failed', `after ${formatSeconds(seconds())}`, collected.warnings);
    throw diskFull(error, stage.outputDir) ?? error;
  }
}

/** A full disk is the user's to put right; undefined for any other error. */
function diskFull(error: unknown, outputDir: string): ConfigurationError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return new ConfigurationError(
    code === 'ENOSPC'
      ? `the disk of ${outputDir} is full`
      : `the quota on the disk of ${outputDir} is used up`,
    { hint: 'Free space there, or choose another folder for the output.', cause: error },
  );
}

async function runLocked(
  stage: Stage,
  options: StageOptions,
  progress: StageProgress,
  collected: WarningCollection,
  started: number,
): Promise<Pick<StageOutcome, 'status' | 'manifest'>> {
  const earlier = await readManifest(stage.outputDir);
  if (!earlier) await refuseForeignFolder(stage.outputDir);
  const inputs = await resolveInputs(stage.inputs, earlier, options.verify ?? false);
  const fingerprint = fingerprintOf(stage, inputs);
  if (earlier) {
    const reason = await staleness(earlier, stage, inputs, options.verify ?? false);
    if (reason === undefined) return { status: 'up to date', manifest: earlier };
    progress.phase(`runs again: ${reason}`);
  }
  const resumeKey = fingerprintOf({ ...stage, settings: stage.resumeSettings ?? stage.settings }, inputs);
  const folder = stagingFolder(stage.outputDir, resumeKey);
  const context: StageContext = {
    stagingDir: path.join(folder, 'output'),
    workDir: path.join(folder, 'work'),
    logFile: `${stage.outputDir}.log`,
    signal: options.signal,
    reporter: options.reporter,
    progress,
  };
  // The last run may have died between writing its manifest and the rename.
  const left = await wholeOutput(context.stagingDir, fingerprint);
  if (!left && options.cache) {
    progress.phase('looking in the cache');
    await rm(context.stagingDir, { recursive: true, force: true });
    await options.cache.restore(fingerprint, context.stagingDir, options.reporter);
  }
  const restored = left ? undefined : await wholeOutput(context.stagingDir, fingerprint);
  const finished = left ?? restored;
  if (finished) {
    await writeManifest(context.stagingDir, finished);
    await publishFolder(context.stagingDir, stage.outputDir);
    await rm(folder, { recursive: true, force: true });
    return { status: restored ? 'up to date' : 'done', manifest: finished };
  }
  await stage.preflight?.(context.stagingDir);
  options.signal.throwIfAborted();
  await clearStaging(stage, folder, options.reporter);
  await mkdir(context.stagingDir, { recursive: true });
  await mkdir(context.workDir, { recursive: true });
  collected.continueIn(path.join(folder, 'warnings.json'));
  const result = await stage.run(context).catch(async (error: unknown) => {
    if (!stage.resumable) await rm(folder, { recursive: true, force: true });
    throw error;
  });
  if (result === 'stopped') return { status: 'stopped' };
  progress.phase('hashing and publishing');
  const outputs = await recordFiles(context.stagingDir);
  const { commit, problem } = gitCommit();
  if (problem)
    options.reporter.notice(
      `the manifest has no commit of this project: ${problem.problem}. ${problem.hint}`,
    );
  const manifest: Manifest = {
    manifest_version: 1,
    stage: stage.name,
    title: stage.title,
    fingerprint,
    digest: contentDigest(outputs),
    revision: stage.revision,
    settings: stage.settings,
    inputs,
    outputs,
    versions: { node: process.versions.node, ...stage.versions },
    git_commit: commit,
    hardware: hardware(),
    timings: {
      started: new Date(started).toISOString(),
      finished: new Date().toISOString(),
      seconds: (Date.now() - started) / 1000,
    },
    metrics: result.metrics,
    ...warningsForManifest(collected.warnings),
  };
  await writeManifest(context.stagingDir, manifest);
  await options.cache?.save(fingerprint, context.stagingDir, options.reporter);
  // What the cache could not keep is a warning of this run, too.
  const whole = { ...manifest, ...warningsForManifest(collected.warnings) };
  await writeManifest(context.stagingDir, whole);
  await publishFolder(context.stagingDir, stage.outputDir);
  await rm(folder, { recursive: true, force: true });
  return { status: 'done', manifest: whole };
}

/** The manifest of a finished output of that fingerprint, with the times that its files have now; every file is hashed. */
async function wholeOutput(folder: string, fingerprint: string): Promise<Manifest | undefined> {
  const manifest = await readManifest(folder);
  if (manifest?.fingerprint !== fingerprint || (await findDamage(folder, manifest, true))) return undefined;
  const outputs = await Promise.all(
    manifest.outputs.map(async (record) => {
      const { mtimeNs } = await stat(path.join(folder, record.path), { bigint: true });
      return { ...record, mtime_ns: String(mtimeNs) };
    }),
  );
  return { ...manifest, outputs };
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(path.join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** sha256 over all that decides the result of a stage. */
export function fingerprintOf(
  stage: Pick<Stage, 'name' | 'revision' | 'settings' | 'versions'>,
  inputs: Record<string, InputRecord>,
): string {
  return digestOf({
    stage: stage.name,
    revision: stage.revision,
    settings: stage.settings,
    versions: stage.versions,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.digest])),
  });
}

/** Why an output has to be made again, for a person; `undefined` when it is up to date. */
export async function staleness(
  manifest: Manifest,
  stage: Pick<Stage, 'name' | 'revision' | 'settings' | 'versions' | 'outputDir'>,
  inputs: Record<string, InputRecord>,
  hashAll: boolean,
): Promise<string | undefined> {
  if (manifest.fingerprint === fingerprintOf(stage, inputs))
    return findDamage(stage.outputDir, manifest, hashAll);
  const settings = changedKeys(manifest.settings, stage.settings);
  if (settings.length > 0) return `${settings.join(', ')} changed`;
  const digests = (records: Record<string, InputRecord>): Json =>
    Object.fromEntries(Object.entries(records).map(([name, { digest }]) => [name, digest]));
  const changedInputs = changedKeys(digests(manifest.inputs), digests(inputs));
  if (changedInputs.length > 0) return `the input ${changedInputs.join(', ')} changed`;
  const { node: _node, ...recordedVersions } = manifest.versions;
  const versions = changedKeys(recordedVersions, stage.versions);
  return versions.length > 0 ? `the version of ${versions.join(', ')} changed` : 'the stage itself changed';
}

/** Keys, joined by dots where objects are nested, at which two values differ. */
export function changedKeys(before: Json | undefined, after: Json | undefined, prefix = ''): string[] {
  if (digestOf(before ?? null) === digestOf(after ?? null)) return [];
  if (!isRecord(before) || !isRecord(after)) return [prefix];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    changedKeys(before[key], after[key], prefix ? `${prefix}.${key}` : key),
  );
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function stagingFolder(outputDir: string, resumeKey: string): string {
  return path.join(path.dirname(outputDir), `.${path.basename(outputDir)}.${resumeKey.slice(0, 12)}.staging`);
}

/** A folder that no stage made may hold somebody's work: it is never replaced. */
async function refuseForeignFolder(outputDir: string): Promise<void> {
  const entries = await readdir(outputDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error.code === 'ENOTDIR' ? new ConfigurationError(`${outputDir} is a file, not a folder`) : error;
  });
  if (entries.length > 0) {
    throw new ConfigurationError(
      `${outputDir} is not empty, and no ${MANIFEST_FILE} says that a stage made it`,
      {
        hint: 'Choose an empty or a new folder for the output, or remove this one.',
      },
    );
  }
}

async function clearStaging(stage: Stage, folder: string, reporter: Reporter): Promise<void> {
  if (!stage.resumable) await rm(folder, { recursive: true, force: true });
  else if (!stage.keepsOutput) await rm(path.join(folder, 'output'), { recursive: true, force: true });
  else await rm(path.join(folder, 'output', MANIFEST_FILE), { force: true });
  const prefix = `.${path.basename(stage.outputDir)}.`;
  for (const name of await readdir(path.dirname(stage.outputDir))) {
    const other = path.join(path.dirname(stage.outputDir), name);
    if (!name.startsWith(prefix) || !/\.[0-9a-f]{12}\.staging$/.test(name) || other === folder) continue;
    // A large output that is half written costs more than the minutes in which it was.
    if (
      stage.resumable &&
      !stage.keepsOutput &&
      (await stat(path.join(other, 'work')).catch(() => undefined))
    ) {
      reporter.notice(
        `${stage.title}: an unfinished run with other settings is kept in ${other}; remove it if unwanted`,
      );
    } else await rm(other, { recursive: true, force: true });
  }
}
