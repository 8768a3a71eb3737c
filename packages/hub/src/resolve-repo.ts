import { ConfigurationError } from '@prometheus-actions/stage';
import { hubFetch } from './hub-request.ts';
import type { HubSettings } from './hub-settings.ts';
import { requireOnline } from './offline.ts';
import { RepoCache } from './repo-cache.ts';
import { describeRepo, type HubRepo, isCommit, type RepoReference } from './repository.ts';

/**
 * The commit that a branch or a tag stands for now; offline, the one that it stood for when it was last asked for.
 *
 * A commit is taken as it is, without a request.
 *
 * @throws ConfigurationError when the hub refuses, can't be reached, or is not one
 */
export async function resolveRepo(
  reference: RepoReference,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<HubRepo> {
  const { type, id, revision } = reference;
  const cache = new RepoCache(settings.cacheDir, reference);
  if (isCommit(revision)) return { type, id, commit: revision };
  const known = await cache.readRef(revision);
  if (settings.offline && known) return { type, id, commit: known };
  requireOnline(`the commit of '${revision}' of ${describeRepo(reference)}`, settings);
  const query = {
    name: id,
    revision,
    additionalFields: ['sha' as const],
    hubUrl: settings.endpoint,
    fetch: hubFetch(`asking for the commit of ${describeRepo(reference)}`, reference, settings, signal),
  };
  // Loaded where it is asked something: each start of an action would pay for it, and most have their files already.
  const { datasetInfo, modelInfo } = await import('@huggingface/hub');
  const { sha } = await (type === 'dataset' ? datasetInfo(query) : modelInfo(query));
  if (!isCommit(sha)) {
    throw new ConfigurationError(`${settings.endpoint} gave no commit for ${describeRepo(reference)}`, {
      hint: 'Does HF_ENDPOINT name a hub?',
    });
  }
  await cache.writeRef(revision, sha);
  return { type, id, commit: sha };
}
