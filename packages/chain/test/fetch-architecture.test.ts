import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { expect, it } from 'vitest';
import type { ServedFile } from '../../hub/test/hub-server.ts';
import { COMMIT, useHub } from '../../hub/test/test-hub.ts';
import { checkWithModel } from '../src/check-with-model.ts';
import { fetchArchitecture } from '../src/fetch-architecture.ts';

const hub = useHub();
const BASE = { kind: 'hub', id: 'owner/model', revision: COMMIT } as const;
const CONFIG = {
  model_type: 'qwen2',
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  vocab_size: 151936,
  tie_word_embeddings: true,
};

function serve(config: unknown): void {
  const file: ServedFile = { content: Buffer.from(JSON.stringify(config)), lfs: false };
  hub.server.repos['models/owner/model'] = { commit: COMMIT, files: { 'config.json': file } };
}

it('reads the config.json of the revision, and later without a request', async () => {
  serve(CONFIG);
  const reading = await fetchArchitecture(BASE, { settings: hub.settings });
  // 494,032,768 is what the card of Qwen2.5-0.5B, of this shape, says: 0.49 billion.
  expect(reading).toMatchObject({ architecture: { layers: 24, parameters: { total: 494_032_768 } } });
  await hub.server.stop();
  expect(await fetchArchitecture(BASE, { settings: hub.settings })).toEqual(reading);
});

it('asks nothing for a model that recipes here train', async () => {
  const base = { ...BASE, id: 'mistralai/Mistral-7B-Instruct-v0.2' };
  const reading = await fetchArchitecture(base, { settings: hub.settings });
  expect(reading).toMatchObject({ architecture: { modelType: 'mistral' } });
  expect(hub.server.log).toEqual([]);
});

it('says what is wrong where it can not be had', async () => {
  expect(await fetchArchitecture(BASE, { settings: hub.settings })).toEqual({
    problem: expect.stringContaining('the config.json of owner/model is not available: '),
  });
  serve({ model_type: 'qwen2' });
  expect(await fetchArchitecture(BASE, { settings: hub.settings })).toEqual({
    problem: expect.stringContaining('hidden_size is missing'),
  });
});

it('does not wait for a network that is not there', async () => {
  const started = Date.now();
  const settings = { ...hub.settings, endpoint: 'http://hub.invalid', retryDelay: 10_000 };
  expect(await fetchArchitecture(BASE, { settings })).toEqual({
    problem: expect.stringMatching(/ failed 2 times: /),
  });
  expect(Date.now() - started).toBeLessThan(4_000);
});

it('does not wait for a hub that does not answer', async () => {
  serve(CONFIG);
  hub.server.fault = () => 'mute';
  const started = Date.now();
  const reading = await fetchArchitecture(BASE, { settings: hub.settings, patience: 300 });
  expect(reading).toEqual({
    problem: 'the config.json of owner/model is not available: the hub has not answered within 0.3 s',
  });
  expect(Date.now() - started).toBeLessThan(1500);
});

it('fetches no config.json that is larger than settings are, and leaves nothing of it', async () => {
  serve({ ...CONFIG, filling: 'x'.repeat(5 << 20) });
  const reading = await fetchArchitecture(BASE, { settings: hub.settings });
  expect(reading).toEqual({
    problem:
      'the config.json of owner/model is not available: config.json of the model owner/model has 5.2 MB, and no more than 4.2 MB are read',
  });
  expect(hub.server.contentRequests()).toEqual([]);
  const left = readdirSync(hub.cacheDir, { recursive: true }).map(String);
  expect(left.filter((name) => name.includes('blobs/') || name.endsWith('.incomplete'))).toEqual([]);
});

it('lets a recipe be checked against a model on the hub', async () => {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'recipe-')), 'smoke-8x7b');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-8x7b'), folder, { recursive: true });
  const file = path.join(folder, 'recipe.yaml');
  const model = `base_model: { id: owner/model, revision: ${COMMIT} }`;
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^base_model: .*$/m, model));
  const without = await checkWithModel(folder, {}, { settings: hub.settings });
  expect(without.diagnostics).toMatchObject([{ code: 'unknown-architecture', severity: 'notice' }]);
  serve(CONFIG);
  const { recipe, diagnostics } = await checkWithModel(folder, {}, { settings: hub.settings });
  expect(recipe).toBeUndefined();
  // Of a dense model, w1, w2 and w3 are no layers; both experts name them.
  const message = (name: string) => `lora_target_modules: the base model (qwen2) has no layer ${name}`;
  expect(diagnostics.map(({ message }) => message)).toEqual(
    [...['w1', 'w2', 'w3'], ...['w1', 'w2', 'w3']].map(message),
  );
});
