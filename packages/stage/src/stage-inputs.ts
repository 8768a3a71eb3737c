import type { Stats } from 'node:fs';
import path from 'node:path';
import { digestOf } from './canonical-json.ts';
import { RefusedPath, statFile } from './confined-files.ts';
import { ConfigurationError } from './errors.ts';
import { contentDigest, recordFiles } from './file-digests.ts';
import { findDamage, type InputRecord, type Manifest, readManifest } from './manifest.ts';

/**
 * What a stage reads: files or folders of the user, the output of an earlier stage (a folder with a manifest), or a
 * hub repository at a revision, named `id@revision`, which the stage fetches itself.
 */
export type StageInput = { paths: readonly string[] } | { reference: string };

/**
 * Digests of all inputs.
 *
 * Another stage's output counts by what its manifest says of its contents, so that a stage made again with the same
 * bytes makes no later stage run again. Files known from `earlier` with the same size and modification time are not
 * read again.
 *
 * @throws ConfigurationError for an input that is missing, or an earlier output that is damaged
 */
export async function resolveInputs(
  inputs: Record<string, StageInput>,
  earlier: Manifest | undefined,
  hashAll: boolean,
): Promise<Record<string, InputRecord>> {
  const resolved: Record<string, InputRecord> = {};
  for (const [name, input] of Object.entries(inputs)) {
    if ('reference' in input) {
      resolved[name] = { from: input.reference, digest: digestOf(input.reference) };
      continue;
    }
    const records = await Promise.all(
      input.paths.map((file, index) => resolvePath(name, file, inputKnown(earlier, name, index), hashAll)),
    );
    records.forEach((record, index) => {
      resolved[inputKey(name, index)] = record;
    });
  }
  return resolved;
}

function inputKey(name: string, index: number): string {
  return index === 0 ? name : `${name}[${index}]`;
}

function inputKnown(earlier: Manifest | undefined, name: string, index: number): InputRecord | undefined {
  return earlier?.inputs[inputKey(name, index)];
}

async function resolvePath(
  name: string,
  target: string,
  known: InputRecord | undefined,
  hashAll: boolean,
): Promise<InputRecord> {
  const info = inputStats(name, target);
  if (info.isDirectory()) {
    const manifest = await readManifest(target);
    if (manifest) {
      const damage = await findDamage(target, manifest, hashAll);
      if (damage) {
        throw new ConfigurationError(`${target}, the input ${name}, is damaged: ${damage}`, {
          hint: `Run the stage ${manifest.title} again.`,
        });
      }
      return { from: target, digest: manifest.digest };
    }
  }
  const files = await recordFiles(target, hashAll || known?.from !== target ? [] : known?.files);
  if (files.length === 0) throw new ConfigurationError(`${target}, the input ${name}, is an empty folder`);
  // One file counts by its contents alone: renaming a data file changes no result.
  const [only] = files;
  const digest = only && !info.isDirectory() ? only.sha256 : contentDigest(files);
  return { from: path.resolve(target), digest, files };
}

function inputStats(name: string, target: string): Stats {
  let reason = 'ENOENT';
  try {
    const info = statFile(target);
    if (info?.isFile() || info?.isDirectory()) return info;
    if (info) reason = 'it is neither a file nor a folder';
  } catch (error) {
    if (error instanceof RefusedPath) throw error;
    reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
  throw new ConfigurationError(`${target}, the input ${name}, can't be read: ${reason}`, {
    hint: 'Is the path right, and did the stage that makes it run on this machine?',
  });
}
