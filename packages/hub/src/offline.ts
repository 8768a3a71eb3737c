import { ConfigurationError } from '@prometheus-actions/stage';
import type { HubSettings } from './hub-settings.ts';

/**
 * Called where something is not in the cache, before it is requested.
 *
 * @throws ConfigurationError when requests are forbidden
 */
export function requireOnline(missing: string, settings: HubSettings): void {
  const { offline, cacheDir } = settings;
  if (!offline) return;
  throw new ConfigurationError(
    `${missing} is not in the cache ${cacheDir}, and ${offline} forbids requests`,
    {
      hint: `Run once with ${offline} unset to fetch it, or set HF_HOME or HF_HUB_CACHE to a cache that has it.`,
    },
  );
}
