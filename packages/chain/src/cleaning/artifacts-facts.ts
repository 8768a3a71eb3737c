import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { listFiles, lockHolder, MANIFEST_FILE, readManifest } from '@prometheus-actions/stage';
import { folderNames, type Part, partAt } from './folder-size.ts';

/** What is on the disk of one output: the finished folder, unfinished runs, and what stands beside it. */
export interface OutputFacts {
  /** `experts/absolute`: relative to the folder of artifacts. */
  name: string;
  /** The output folder, where a manifest says that a stage made it. */
  finished?: Part & {
    /** Milliseconds since the epoch. */ made: number /** A file that no stage made. */;
    extra?: string;
  };
  /** Something is there under the output's name that no stage made: a link, a file, a folder without a manifest. */
  foreign: boolean;
  /** The earlier output, which publishing moved aside. */
  aside?: Part;
  /** What an earlier removal did not get to the end of. */
  halfRemoved: Part[];
  unfinished: UnfinishedFacts[];
  /** Logs, curves, job files. */
  beside: Part[];
  /** The process that holds its lock. */
  holder?: string;
}

/** A staging folder. */
export interface UnfinishedFacts extends Part {
  /** The output in it is whole and only lacks its new name. */
  isWhole: boolean;
  /** The folder has a part of the output. */
  hasOutput: boolean;
  checkpoints: CheckpointFacts[];
  /** Checkpoints that the trainer set aside, since they do not load or were not saved to the end. */
  setAside: SetAsideFacts[];
  /** A job file sends somebody's own launcher here: it may be written to without a lock. */
  isOfJob: boolean;
}

interface SetAsideFacts extends Part {
  step: number;
  isDamaged: boolean;
}

interface CheckpointFacts extends Part {
  step: number;
  isComplete: boolean;
  /** It is the best so far of a training that ends with the best. */
  isBest: boolean;
}

/** Folders of the artifacts folder that hold outputs by name; the others are outputs themselves. */
const GROUPS = ['data', 'experts', 'experts-merged'];
const SINGLE = ['base', 'judge'];

const BESIDE = ['.log', '.loss.svg', '.training-log.json', '.tensorboard', '.job.json'];
const STAGING = /^\.(.+)\.[0-9a-f]{12}\.staging$/;
const HALF_REMOVED = /^\.(.+)\.[0-9a-z]+\.removed$/;

/** Facts about every output in a folder of artifacts. Links are not followed. */
export async function artifactsFacts(artifactsDir: string): Promise<OutputFacts[]> {
  const groups = await Promise.all(
    GROUPS.map(async (group) => {
      const names = outputNames(await entriesOf(path.join(artifactsDir, group)));
      return names.map((name) => `${group}/${name}`);
    }),
  );
  const outputs = [...SINGLE, ...groups.flat()];
  return Promise.all(
    outputs.map(async (name) => {
      const holder = await lockHolder(path.join(artifactsDir, name));
      return { ...(await outputFacts(artifactsDir, name)), ...(holder !== undefined && { holder }) };
    }),
  );
}

/** Facts about one output, but who holds its lock. */
export async function outputFacts(artifactsDir: string, name: string): Promise<OutputFacts> {
  const outputDir = path.join(artifactsDir, name);
  const parent = path.dirname(outputDir);
  const base = path.basename(name);
  const at = (entry: string) => path.join(parent, entry);
  const entries = (await entriesOf(parent)).map((entry) => entry.name);
  const staging = entries.filter((entry) => STAGING.exec(entry)?.[1] === base);
  const removed = entries.filter((entry) => HALF_REMOVED.exec(entry)?.[1] === base);
  const jobFile = await readFile(`${outputDir}.job.json`, 'utf8').catch(() => '');
  const finished = await finishedFacts(outputDir);
  const aside = await partAt(at(`.${base}.old`));
  const beside = await Promise.all(BESIDE.map((suffix) => besideFacts(outputDir + suffix)));
  return {
    name,
    ...(finished && { finished }),
    foreign: !finished && (await lstat(outputDir).catch(() => undefined)) !== undefined,
    ...(aside && { aside }),
    halfRemoved: (await Promise.all(removed.map((entry) => partAt(at(entry))))).filter(isThere),
    unfinished: (await Promise.all(staging.map((entry) => unfinishedFacts(at(entry), jobFile)))).filter(
      isThere,
    ),
    beside: beside.filter(isThere),
  };
}

/** The names of outputs that entries of a folder speak of, whether the output itself is there or not. */
function outputNames(entries: readonly { name: string; isFolder: boolean }[]): string[] {
  const names = entries.flatMap(({ name, isFolder }) => {
    const hidden = STAGING.exec(name) ?? HALF_REMOVED.exec(name) ?? /^\.(.+)\.old$/.exec(name);
    if (hidden) return [hidden[1] ?? ''];
    if (name.startsWith('.')) return [];
    const suffix = BESIDE.find((ending) => name.endsWith(ending));
    if (suffix && isFolder === (suffix === '.tensorboard')) return [name.slice(0, -suffix.length)];
    return [name];
  });
  return [...new Set(names)].sort();
}

async function entriesOf(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  const info = await lstat(folder).catch(() => undefined);
  if (!info?.isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
}

async function finishedFacts(outputDir: string): Promise<OutputFacts['finished']> {
  const info = await lstat(outputDir).catch(() => undefined);
  const manifest = info?.isDirectory() ? await readManifest(outputDir) : undefined;
  const part = manifest && (await partAt(outputDir));
  if (!part) return undefined;
  const made = new Set([MANIFEST_FILE, ...manifest.outputs.map((record) => record.path)]);
  const extra = (await listFiles(outputDir)).find((file) => !made.has(file));
  return { ...part, made: Date.parse(manifest.timings.finished), ...(extra !== undefined && { extra }) };
}

/** A folder that is an output itself, such as one of an expert named `x.tensorboard`, stands beside no other. */
async function besideFacts(target: string): Promise<Part | undefined> {
  return (await readManifest(target)) ? undefined : partAt(target);
}

async function unfinishedFacts(folder: string, jobFile: string): Promise<UnfinishedFacts | undefined> {
  const part = await partAt(folder);
  const info = await lstat(folder).catch(() => undefined);
  if (!part || !info?.isDirectory()) return undefined;
  const output = path.join(folder, 'output');
  return {
    ...part,
    isWhole: (await readManifest(output)) !== undefined,
    hasOutput: (await entriesOf(output)).length > 0,
    checkpoints: await checkpointFacts(path.join(folder, 'work', 'checkpoints')),
    setAside: await setAsideFacts(path.join(folder, 'work', 'checkpoints')),
    isOfJob: jobFile.includes(folder),
  };
}

async function checkpointFacts(folder: string): Promise<CheckpointFacts[]> {
  const names = (await folderNames(folder)).filter((name) => /^checkpoint-\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const part = await partAt(path.join(folder, name));
      const step = Number(name.slice('checkpoint-'.length));
      return part && { ...part, step, isComplete: await isComplete(part.path), isBest: false };
    }),
  );
  const checkpoints = found.filter(isThere).sort((a, b) => a.step - b.step);
  const newest = checkpoints.findLast((checkpoint) => checkpoint.isComplete);
  const best = newest && (await bestCheckpoint(newest.path));
  return checkpoints.map((checkpoint) => ({
    ...checkpoint,
    isBest: path.basename(checkpoint.path) === best,
  }));
}

async function setAsideFacts(folder: string): Promise<SetAsideFacts[]> {
  const found = (await folderNames(folder)).map(async (name) => {
    const [, why, step] = /^(damaged|incomplete)-checkpoint-(\d+)$/.exec(name) ?? [];
    const part = why === undefined ? undefined : await partAt(path.join(folder, name));
    return part && { ...part, step: Number(step), isDamaged: why === 'damaged' };
  });
  return (await Promise.all(found)).filter(isThere);
}

/** By the marker that the trainer writes last, which names all files with their sizes, and by the state being JSON. */
async function isComplete(checkpoint: string): Promise<boolean> {
  try {
    await bestCheckpoint(checkpoint);
    const { files } = JSON.parse(await readFile(path.join(checkpoint, 'complete.json'), 'utf8')) as {
      files: Record<string, number>;
    };
    const sizes = await Promise.all(
      Object.entries(files).map(
        async ([name, size]) => (await lstat(path.join(checkpoint, name))).size === size,
      ),
    );
    return sizes.every(Boolean);
  } catch {
    return false;
  }
}

/** The folder name of the best checkpoint, as transformers keeps it in its state. */
async function bestCheckpoint(checkpoint: string): Promise<string | undefined> {
  const text = await readFile(path.join(checkpoint, 'trainer_state.json'), 'utf8').catch(() => '{}');
  const { best_model_checkpoint: best } = JSON.parse(text) as { best_model_checkpoint?: string | null };
  return best ? path.basename(best) : undefined;
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
