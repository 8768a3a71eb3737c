import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PlainReporter, PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterEach, expect, it, vi } from 'vitest';
import { type ActionsCache, actionsCache } from '../src/actions-cache.ts';

afterEach(() => vi.unstubAllEnvs());

// The library itself, with a tar that notes its environment, and packs nothing.
it('starts tar without tokens, and not that of a checkout', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cache-'));
  const noted = path.join(folder, 'noted');
  const program = (place: string, text: string) => {
    mkdirSync(path.join(folder, place), { recursive: true });
    for (const name of ['tar', 'zstd'])
      writeFileSync(path.join(folder, place, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  program('bin', `env >> ${noted}`);
  program('workspace/bin', `echo "${'tar of the'} workspace" >> ${noted}`);
  const workspace = path.join(folder, 'workspace');
  vi.stubEnv('GITHUB_WORKSPACE', workspace);
  vi.stubEnv('PATH', [path.join(workspace, 'bin'), path.join(folder, 'bin'), process.env.PATH].join(':'));
  vi.stubEnv('HF_TOKEN', 'planted');
  vi.stubEnv('INPUT_TOKEN', 'planted');
  vi.stubEnv('ACTIONS_RUNTIME_TOKEN', 'of the cache');
  vi.stubEnv('ACTIONS_RESULTS_URL', 'http://127.0.0.1:9/');
  vi.stubEnv('ACTIONS_CACHE_SERVICE_V2', 'true');
  vi.stubEnv('RUNNER_TEMP', folder);
  const before = { ...process.env };
  const library: ActionsCache = await import(
    path.join(PROJECT_ROOT, 'node_modules/@actions/cache/lib/cache.js')
  );
  const warnings: string[] = [];
  const reporter = new PlainReporter((line) => warnings.push(line));
  const cache = actionsCache(library, reporter);
  await cache.save('fingerprint', folder, reporter);
  const environment = readFileSync(noted, 'utf8');
  expect(environment).toContain('MSYS=winsymlinks');
  expect(environment).not.toMatch(/planted|of the workspace/);
  // The library asks the cache with it.
  expect(environment).toContain('ACTIONS_RUNTIME_TOKEN=of the cache');
  expect({ ...process.env }).toEqual(before);
});
