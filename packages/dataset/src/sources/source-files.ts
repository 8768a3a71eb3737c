import path from 'node:path';
import { isThere, statFile } from '@prometheus-actions/stage/confined-files';
import { ConfigurationError } from '@prometheus-actions/stage/errors';
import { globFiles, isSimplePattern, walkFolder } from '@prometheus-actions/stage/folder-walk';
import { readJsonFile } from '@prometheus-actions/stage/text-file';

/**
 * The files that paths stand for, in order: a file for itself; a pattern (`part-*.jsonl`) for all that match; a folder
 * of `save_to_disk` for its shards, any other for all data files below it. Names are sorted by code unit.
 *
 * @param paths absolute
 * @throws ConfigurationError for a path that stands for no file
 */
export async function sourceFiles(paths: readonly string[]): Promise<string[]> {
  const expanded: string[] = [];
  for (const source of paths) expanded.push(...(await expand(source)));
  return expanded;
}

/** Whether a file's name, or its path with `/`, is that of data that can be read, and not of something beside it. */
export function isDataFile(file: string): boolean {
  const name = file.split('/').at(-1) ?? '';
  return DATA_FILE.test(name) && !name.startsWith('.') && !METADATA.has(name);
}

const METADATA = new Set(['dataset_info.json', 'dataset_infos.json', 'state.json', 'stage-manifest.json']);
const DATA_FILE = /\.(json|jsonl|ndjson)(\.gz|\.zst)?$|\.(parquet|arrow)$/i;

async function expand(source: string): Promise<string[]> {
  const found = isThere(source) ? statFile(source) : undefined;
  if (found?.isDirectory()) return folderFiles(source);
  if (found || !/[*?[{]/.test(source)) return [source];
  if (!isSimplePattern(source)) {
    throw new ConfigurationError(`${source} stands for too many names`, {
      hint: 'Use *, ?, [a-z] and few {a,b}; or name a folder.',
    });
  }
  const files = globFiles(source).filter((match) => !statFile(match)?.isDirectory());
  if (files.length === 0) {
    throw new ConfigurationError(`no file matches ${source}`, {
      hint: 'Correct the pattern under source; paths are relative to the file that names them.',
    });
  }
  return files;
}

async function folderFiles(folder: string): Promise<string[]> {
  const shards = await savedShards(folder);
  if (shards) return shards;
  const { entries, unread } = walkFolder(folder);
  const [problem] = unread;
  if (problem !== undefined) {
    throw new ConfigurationError(`the folder can't be read whole: ${problem}`, {
      hint: 'Rename what it names, or let the user that runs this read it.',
      place: { file: folder },
    });
  }
  const files = entries
    .filter((entry) => entry.isFile && isDataFile(entry.path))
    .map((entry) => path.join(folder, entry.path));
  if (files.length > 0) return files.sort(byCodeUnit);
  throw new ConfigurationError('the folder holds no data files', {
    hint: 'Data files end in .json, .jsonl, .ndjson (also .gz and .zst), .parquet or .arrow.',
    place: { file: folder },
  });
}

/** Shards of a folder that `datasets` saved, in row order; undefined for another folder. */
async function savedShards(folder: string): Promise<string[] | undefined> {
  const dictionary = jsonIn(path.join(folder, 'dataset_dict.json'));
  if (dictionary !== undefined && dictionary !== null) {
    const { splits } = dictionary as { splits?: unknown };
    if (!isTexts(splits)) throw noList(path.join(folder, 'dataset_dict.json'), 'splits');
    throw new ConfigurationError(`the folder holds several splits: ${splits.join(', ')}`, {
      hint: `Name one of them, or each: ${splits.map((split) => path.join(folder, split)).join(', ')}.`,
      place: { file: folder },
    });
  }
  const file = path.join(folder, 'state.json');
  const state = jsonIn(file) as { _data_files?: unknown } | null | undefined;
  const listed = state?._data_files;
  if (listed === undefined || listed === null) return undefined;
  const names = Array.isArray(listed) ? listed.map((entry) => entry?.filename) : undefined;
  if (!isTexts(names)) throw noList(file, '_data_files');
  return names.map((name) => path.join(folder, path.basename(name)));
}

function isTexts(values: unknown): values is string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string' && !value.includes('\0'));
}

function noList(file: string, key: string): ConfigurationError {
  return new ConfigurationError(`${key} is not the list of names that datasets writes`, {
    hint: 'Save the dataset again (save_to_disk), or name its files.',
    place: { file },
  });
}

function jsonIn(file: string): unknown {
  return statFile(file)?.isFile() ? readJsonFile(file) : undefined;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : 1;
}
