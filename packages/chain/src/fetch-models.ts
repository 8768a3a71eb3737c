import { readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  fetchFiles,
  type HubRepo,
  type HubSettings,
  hubSettings,
  listRepoFiles,
  resolveRepo,
} from '@prometheus-actions/hub';
import { ConfigurationError, type StageContext } from '@prometheus-actions/stage';
import type { ModelReference } from './model-reference.ts';

/**
 * Fetches what a stage reads of models on the hub, before its processes start: these then need no token. What is in the cache
 * already is compared with its hash.
 *
 * @throws ConfigurationError when a model is not available, is not named by a commit, or has no weights that are read
 */
export async function fetchModels(
  models: readonly ModelReference[],
  stage: Pick<StageContext, 'progress' | 'reporter' | 'signal'>,
): Promise<void> {
  const { progress, signal } = stage;
  const references = new Map(
    models.flatMap((model) => ('id' in model ? [[`${model.id}@${model.revision}`, model] as const] : [])),
  );
  for (const { id, revision } of references.values()) {
    if (!/^[0-9a-f]{40}$/.test(revision)) {
      throw new ConfigurationError(`the model ${id} has the revision '${revision}'`, {
        hint: 'Give the commit (40 hex digits): a branch may change between two runs.',
      });
    }
    progress.phase(`fetching ${id}`);
    const settings = hubSettings();
    const repo = await resolveRepo({ type: 'model', id, revision }, settings, signal);
    const files = await filesOf(repo, settings, stage);
    const read = files.filter(isRead);
    if (!read.some((file) => file.endsWith(WEIGHTS))) {
      throw new ConfigurationError(`the model ${id} at ${revision} has no weights in safetensors`, {
        hint: `Its files are: ${files.slice(0, 12).join(', ') || 'none'}. Pickled weights (.bin, .pt) are not read.`,
      });
    }
    await fetchFiles(repo, read, settings, {
      signal,
      onProgress: (done, total) => progress.progress(done, total, 'bytes'),
      onWait: (holder) => progress.phase(`waiting for ${holder}`),
    });
  }
}

/** By the hub's list; where that is not available, those in the cache, which another program may have fetched. */
async function filesOf(
  repo: HubRepo,
  settings: HubSettings,
  { reporter, signal }: Pick<StageContext, 'reporter' | 'signal'>,
): Promise<string[]> {
  try {
    return (await listRepoFiles(repo, settings, signal)).map((file) => file.path);
  } catch (error) {
    signal.throwIfAborted();
    const offline = { ...settings, offline: 'HF_HUB_OFFLINE' as const };
    const [config] = await fetchFiles(repo, ['config.json'], offline, { signal }).catch(() => []);
    const names = config === undefined ? [] : await readdir(path.dirname(config));
    // A check fetches the configuration alone.
    if (!names.some((name) => name.endsWith(WEIGHTS))) throw error;
    const [reason] = (error as Error).message.split('\n');
    if (!settings.offline) reporter.warning(`${reason}. The model is read from the cache as it is there.`);
    return names;
  }
}

const WEIGHTS = '.safetensors';
// The same as DOWNLOADED_FILES of model_source.py.
const OTHERS = new Set([
  'model.safetensors.index.json',
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
]);

/** Whether a file of a repository is read: weights in safetensors, configuration and tokenizer, nothing that runs code. */
export function isRead(file: string): boolean {
  return file.endsWith(WEIGHTS) || OTHERS.has(file);
}
