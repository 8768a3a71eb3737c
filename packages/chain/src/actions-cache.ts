import { childEnvironment, pathOutside, type Reporter, type StageCache } from '@prometheus-actions/stage';

/** What is used of `@actions/cache`, whose 2.4 MB are loaded only where the cache is asked for. */
export interface ActionsCache {
  isFeatureAvailable(): boolean;
  restoreCache(paths: string[], key: string): Promise<string | undefined>;
  saveCache(paths: string[], key: string): Promise<number>;
}

/** GitHub's cache of a repository as the cache of stages. Whatever fails there is a warning. */
export function actionsCache(cache: ActionsCache, reporter: Reporter): StageCache {
  if (!cache.isFeatureAvailable()) {
    reporter.warning('cache: this runner has no cache service; nothing is kept');
    return { restore: async () => {}, save: async () => {} };
  }
  return {
    restore: (fingerprint, folder, told) =>
      attempt('read', () => cache.restoreCache([folder], keyOf(fingerprint)), told),
    save: (fingerprint, folder, told) =>
      attempt('written', () => cache.saveCache([folder], keyOf(fingerprint)), told),
  };
}

async function attempt(what: string, work: () => Promise<unknown>, reporter: Reporter): Promise<void> {
  const environment = process.env;
  // The library starts tar and zstd with all that is there; it reads the runner's token for the cache from it itself.
  process.env = childEnvironment({ PATH: pathOutside() }, /^ACTIONS_/);
  try {
    await work();
  } catch (error) {
    reporter.warning(`the cache could not be ${what}: ${(error as Error).message}`);
  } finally {
    process.env = environment;
  }
}

function keyOf(fingerprint: string): string {
  return `prometheus-actions-${fingerprint}`;
}
