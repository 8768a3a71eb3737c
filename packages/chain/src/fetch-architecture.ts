import { fetchFiles, type HubSettings, hubSettings, resolveRepo } from '@prometheus-actions/hub';
import {
  type ArchitectureReading,
  architectureOf,
  type BaseModel,
  MOST_SETTINGS_BYTES,
  readConfigFile,
} from '@prometheus-actions/recipe';
import { confined } from '@prometheus-actions/stage';

/** A plan is printed within seconds, with what is known by then. */
const PATIENCE = 8_000;
/** A machine without a network is told so at once: the file is not worth the attempts that a run is. */
const IMPATIENT = { attempts: 2, retryDelay: 250 };

/**
 * The architecture of a recipe's base model, of a hub's too: its config.json at the recipe's revision, from the cache
 * that Python's library shares, else from the hub.
 *
 * @param patience milliseconds that the hub is given
 * @returns a problem, not an error, where it is not available: an estimate and some checks are all that is lost
 */
export async function fetchArchitecture(
  base: BaseModel,
  { settings, signal, patience = PATIENCE }: FetchArchitectureOptions = {},
): Promise<ArchitectureReading> {
  const known = architectureOf(base);
  if (known) return known;
  if (base.kind !== 'hub') throw new Error(`a base model of kind ${base.kind} is known without a request`);
  const limit = AbortSignal.timeout(patience);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  try {
    const { id, revision } = base;
    const hub = { ...(settings ?? hubSettings()), ...IMPATIENT };
    const repo = await resolveRepo({ type: 'model', id, revision }, hub, either);
    const [file = ''] = await fetchFiles(repo, ['config.json'], hub, {
      signal: either,
      mostBytes: MOST_SETTINGS_BYTES,
    });
    // In the hub's cache, which is ours.
    return confined(undefined, () => readConfigFile(file));
  } catch (error) {
    signal?.throwIfAborted();
    const [reason] = limit.aborted
      ? [`the hub has not answered within ${patience / 1000} s`]
      : (error as Error).message.split('\n');
    return { problem: `the config.json of ${base.id} is not available: ${reason}` };
  }
}

export interface FetchArchitectureOptions {
  settings?: HubSettings;
  signal?: AbortSignal;
  patience?: number;
}
