import path from 'node:path';
import type { Json } from './canonical-json.ts';
import { readFile } from './confined-files.ts';
import { type FileRecord, listFiles, sha256OfFile, timesOf } from './file-digests.ts';

export const MANIFEST_FILE = 'stage-manifest.json';

/** What one input of a stage was when it was read. */
export interface InputRecord {
  /** Where it was read from: a path, or `id@revision` of a hub repository. */
  from: string;
  /** Digest of its contents (of the reference itself for a hub repository at a pinned revision). */
  digest: string;
  /** The files that were digested; left out where an earlier stage's manifest holds them. */
  files?: FileRecord[];
}

/** The record of one finished stage, in its output folder. The chain of them is the provenance of the model. */
export interface Manifest {
  manifest_version: 1;
  stage: string;
  title: string;
  fingerprint: string;
  /** Digest of the names and contents of `outputs`: what later stages' fingerprints hold. */
  digest: string;
  /** Raised by the stage's authors when its output changes for the same settings and inputs. */
  revision: number;
  settings: Json;
  inputs: Record<string, InputRecord>;
  outputs: FileRecord[];
  versions: Record<string, string>;
  git_commit: string | null;
  hardware: Json;
  timings: { started: string; finished: string; seconds: number };
  metrics: Json;
  /** What the stage warned of, each text once; absent in manifests of earlier versions. */
  warnings?: string[];
  /** How many more there were, which were only shown while it ran. */
  warnings_left_out?: number;
}

/** The manifest of an output folder; `undefined` where there is none, or none that can be read. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(readFile(path.join(folder, MANIFEST_FILE)).toString()) as Manifest;
    return manifest.manifest_version === 1 && Array.isArray(manifest.outputs) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Says what differs between an output folder and its manifest; `undefined` when it is whole.
 *
 * A file whose size and modification time are as recorded is taken as unchanged; one with another time is hashed.
 * With `hashAll` every file is hashed.
 */
export async function findDamage(
  folder: string,
  manifest: Manifest,
  hashAll: boolean,
): Promise<string | undefined> {
  const present = new Set(listFiles(folder));
  present.delete(MANIFEST_FILE);
  for (const record of manifest.outputs) {
    if (!present.delete(record.path)) return `${record.path} is missing`;
    const file = path.join(folder, record.path);
    const { size, mtimeNs } = await timesOf(file);
    if (Number(size) !== record.size) return `${record.path} has ${size} bytes instead of ${record.size}`;
    const sameTime = String(mtimeNs) === record.mtime_ns;
    if ((hashAll || !sameTime) && (await sha256OfFile(file)) !== record.sha256) {
      return `the contents of ${record.path} have changed`;
    }
  }
  const [extra] = present;
  return extra === undefined ? undefined : `${extra} does not belong to it`;
}
