import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { COMMIT, gitFile, lfsFile, mistake, useHub } from '../../hub/test/test-hub.ts';
import { fetchModels } from '../src/fetch-models.ts';

const MODEL = { id: 'owner/base', revision: COMMIT };
const TOKEN = 'hf_that_opens';
const hub = useHub();
let warnings: string[];

beforeEach(() => {
  warnings = [];
  hub.server.repos['models/owner/base'] = {
    commit: COMMIT,
    token: TOKEN,
    files: {
      'config.json': gitFile('config', 300),
      'tokenizer.json': gitFile('tokenizer', 400),
      'model-00001-of-00002.safetensors': lfsFile('one', 5_000),
      'model-00002-of-00002.safetensors': lfsFile('two', 5_000),
      'pytorch_model.bin': lfsFile('pickle', 100),
      'modeling_own.py': gitFile('code', 100),
    },
  };
  vi.stubEnv('HF_ENDPOINT', hub.server.endpoint);
  vi.stubEnv('HF_HUB_CACHE', hub.cacheDir);
  vi.stubEnv('HF_TOKEN', TOKEN);
});
afterEach(() => vi.unstubAllEnvs());

const folder = () => path.join(hub.cacheDir, 'models--owner--base');
const cached = () => readdirSync(path.join(folder(), 'snapshots', COMMIT)).sort();

function fetch(signal = new AbortController().signal, model = MODEL): Promise<void> {
  const progress = { phase: () => {}, progress: () => {}, line: () => {} };
  const reporter = { warning: (message: string) => warnings.push(message) };
  return fetchModels([model, { path: '/elsewhere' }, model], { progress, reporter, signal } as never);
}

const READ = [
  'config.json',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
  'tokenizer.json',
];

it('fetches what is read, once, and nothing that is code', async () => {
  await fetch();
  expect(cached()).toEqual(READ);
  const before = hub.server.log.length;
  await fetch();
  expect(hub.server.log.length).toBe(before);
  expect(warnings).toEqual([]);
});

it('fetches again what is damaged in the cache', async () => {
  await fetch();
  const file = path.join(folder(), 'snapshots', COMMIT, 'model-00001-of-00002.safetensors');
  writeFileSync(file, 'x'.repeat(5_000));
  await fetch();
  expect(hub.server.contentRequests().filter(({ method }) => method === 'GET').length).toBeGreaterThan(4);
});

it('takes what another program fetched, where the list of files is not in the cache and requests are forbidden', async () => {
  await fetch();
  rmSync(path.join(folder(), 'trees'), { recursive: true });
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  const before = hub.server.log.length;
  await fetch();
  expect(hub.server.log.length).toBe(before);
  expect(warnings).toEqual([]);
});

it('takes it with a warning, where the hub refuses or does not answer', async () => {
  await fetch();
  rmSync(path.join(folder(), 'trees'), { recursive: true });
  vi.stubEnv('HF_TOKEN', 'hf_of_somebody_else');
  await fetch();
  expect(warnings).toEqual([
    expect.stringMatching(/owner\/base.*\. The model is read from the cache as it is there\.$/),
  ]);
});

it('refuses what is damaged there, where it can not be fetched again', async () => {
  await fetch();
  rmSync(path.join(folder(), 'trees'), { recursive: true });
  writeFileSync(path.join(folder(), 'snapshots', COMMIT, 'model-00001-of-00002.safetensors'), 'short');
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  const { message } = await mistake(fetch());
  expect(message).toMatch(/an intact model-00001-of-00002\.safetensors .*HF_HUB_OFFLINE forbids/s);
});

it('refuses a model that the token does not open, and one that is not there', async () => {
  vi.stubEnv('HF_TOKEN', 'hf_of_somebody_else');
  expect((await mistake(fetch())).message).toMatch(/no model owner\/base, or it is private/);
  delete hub.server.repos['models/owner/base'];
  expect((await mistake(fetch())).message).toMatch(/no model owner\/base/);
  expect(existsSync(path.join(folder(), 'snapshots'))).toBe(false);
});

it('says what the hub says where the configuration alone is in the cache, as after a check', async () => {
  await fetch();
  rmSync(path.join(folder(), 'trees'), { recursive: true });
  for (const name of READ.slice(1)) rmSync(path.join(folder(), 'snapshots', COMMIT, name));
  vi.stubEnv('HF_TOKEN', 'hf_of_somebody_else');
  expect((await mistake(fetch())).message).toMatch(/no model owner\/base, or it is private/);
  expect(warnings).toEqual([]);
});

it('refuses a model without weights in safetensors, before anything is fetched', async () => {
  const files = hub.server.repos['models/owner/base']?.files ?? {};
  for (const name of Object.keys(files)) if (name.endsWith('.safetensors')) delete files[name];
  const { message } = await mistake(fetch());
  expect(message).toMatch(/no weights in safetensors\n {2}Its files are: .*pytorch_model\.bin/);
  expect(hub.server.contentRequests()).toEqual([]);
});

it.each(['main', 'v1.0', COMMIT.slice(1), `${COMMIT.slice(1)}g`])(
  'refuses the revision %s',
  async (revision) => {
    const { message } = await mistake(fetch(undefined, { ...MODEL, revision }));
    expect(message).toMatch(/has the revision '.*'\n {2}Give the commit \(40 hex digits\)/);
    expect(hub.server.log).toEqual([]);
  },
);

it('stops when it is asked to', async () => {
  const error = await fetch(AbortSignal.abort(new Error('stop'))).catch((caught: unknown) => caught);
  expect(error).not.toBeInstanceOf(ConfigurationError);
  expect((error as Error).message).toBe('stop');
});
