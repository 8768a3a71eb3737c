import path from 'node:path';
import {
  isLfsPointer,
  isThere,
  LFS_FAULT,
  listFolder,
  readFile,
  readStart,
  START_BYTES,
  statFile,
  textFault,
  UTF8_MARK,
} from '@prometheus-actions/stage';
import type { Diagnostic } from './diagnostics.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import type { RecipeSection } from './recipe-schema.ts';
import { type Finding, MOST_SETTINGS_BYTES, missingFile, type YamlFile } from './yaml-file.ts';

export type BaseModel =
  | { kind: 'hub'; id: string; revision: string }
  | { kind: 'path'; path: string }
  | { kind: 'random'; configFile: string; seed: number; dtype: string; tokenizer: string };

type BaseModelSection = RecipeSection['base_model'];

/** What goes with each kind of base model. */
const KEYS: Record<'id' | 'path' | 'random', readonly (keyof BaseModelSection)[]> = {
  id: ['id', 'revision'],
  path: ['path'],
  random: ['random', 'seed', 'dtype', 'tokenizer'],
};

/** Reads the section `base_model` of a recipe; paths become absolute. */
export function readBaseModel(
  section: BaseModelSection,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): BaseModel | undefined {
  const diagnose = (finding: Finding, at: string[] = [], key = false) =>
    yaml.diagnose({ path: ['base_model', ...at], key }, finding);
  const kinds = (['id', 'path', 'random'] as const).filter((kind) => section[kind] !== undefined);
  const [kind, second] = kinds;
  if (kind === undefined || second !== undefined) {
    const message = 'base_model needs exactly one of id, path and random';
    const found = kinds.length > 0 ? `${kinds.join(' and ')} are there` : 'none is there';
    diagnostics.push(
      diagnose({ code: 'bad-value', message: `${message}: ${found}` }, second ? [second] : [], true),
    );
    return undefined;
  }
  for (const key of Object.keys(section) as (keyof BaseModelSection)[]) {
    if (section[key] === undefined || KEYS[kind].includes(key)) continue;
    diagnostics.push(
      diagnose({ code: 'without-effect', message: `${key} has no effect beside ${kind}` }, [key], true),
    );
  }
  if (kind === 'id') return readHubModel(section, diagnose, diagnostics);
  const folder = path.dirname(yaml.file);
  const name = section[kind] ?? '';
  const absolute = resolveInRecipe(
    name,
    { root: folder, from: folder },
    (finding) => diagnose(finding, [kind]),
    diagnostics,
  );
  const config = kind === 'path' ? path.join(absolute, 'config.json') : absolute;
  if (!isThere(config))
    diagnostics.push(diagnose(missingFile(kind === 'path' ? name : path.basename(name), config), [kind]));
  const foreign = kind === 'path' ? foreignFile(absolute) : foreignConfig(config);
  if (foreign) diagnostics.push(diagnose(foreign, [kind]));
  if (kind === 'path') return { kind, path: absolute };
  return {
    kind,
    configFile: absolute,
    seed: section.seed ?? 0,
    dtype: section.dtype ?? 'float32',
    tokenizer: section.tokenizer ?? 'mistral-v1',
  };
}

/** A file of a model's folder that the trainer refuses as something else than it is called; undefined where none is found. */
function foreignFile(folder: string): Finding | undefined {
  for (const file of filesIn(folder)) {
    const start = startOf(file);
    if (isLfsPointer(start)) return wrongFile(file, LFS_FAULT);
    if (/\.(json|jinja)$/.test(file) && start.subarray(0, UTF8_MARK.length).equals(UTF8_MARK)) {
      const reads = file.endsWith('.json') ? 'does not read' : 'takes for a part of each prompt';
      const problem = `the file starts with a byte order mark, which transformers ${reads}`;
      return wrongFile(file, { problem, hint: 'Save it as UTF-8 without a byte order mark.' });
    }
  }
  return foreignConfig(path.join(folder, 'config.json'));
}

function foreignConfig(file: string): Finding | undefined {
  const bytes = contentOf(file);
  const fault = bytes && textFault(bytes);
  return fault && wrongFile(file, fault);
}

function wrongFile(file: string, { problem, hint }: { problem: string; hint: string }): Finding {
  return { code: 'bad-value', message: `${file}: ${problem}`, hint };
}

function filesIn(folder: string): string[] {
  try {
    return listFolder(folder).entries.map(({ name }) => path.join(folder, name));
  } catch {
    return [];
  }
}

/** The first bytes of a file; none of what is no file, or may not be read. */
function startOf(file: string): Buffer {
  try {
    return statFile(file)?.isFile() ? readStart(file, START_BYTES) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}

/** What is in a file of settings, where it may be read. */
function contentOf(file: string): Buffer | undefined {
  try {
    const info = statFile(file);
    return info?.isFile() && info.size <= MOST_SETTINGS_BYTES ? readFile(file) : undefined;
  } catch {
    return undefined;
  }
}

function readHubModel(
  { id = '', revision }: BaseModelSection,
  diagnose: (finding: Finding, at?: string[], key?: boolean) => Diagnostic,
  diagnostics: Diagnostic[],
): BaseModel | undefined {
  if (revision === undefined) {
    const message = 'base_model.revision is missing: the commit of the repository';
    diagnostics.push(diagnose({ code: 'missing-key', message }));
    return undefined;
  }
  if (!/^[0-9a-f]{40}$/.test(revision)) {
    const message = `${revision} is not a commit: another run may get another model`;
    const hint = "Write the commit's 40 digits, as the hub shows them under Files and versions.";
    diagnostics.push(diagnose({ code: 'unpinned-revision', message, hint }, ['revision']));
  }
  return { kind: 'hub', id, revision };
}
