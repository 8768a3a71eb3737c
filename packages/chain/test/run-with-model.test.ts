import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Diagnostic, RecipeError } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { COMMIT, useHub } from '../../hub/test/test-hub.ts';
import { chainContext } from '../src/chain-context.ts';
import { loraMergeRequest } from '../src/requests/lora-merge-request.ts';
import { modelMergeRequest } from '../src/requests/model-merge-request.ts';
import { prepareDatasetRequest } from '../src/requests/prepare-dataset-request.ts';
import { planOf, runOf } from '../src/requests/request.ts';
import { sftTrainRequest } from '../src/requests/sft-train-request.ts';

const hub = useHub();
const CONFIG = {
  model_type: 'qwen2',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 320,
  max_position_embeddings: 4096,
  tie_word_embeddings: true,
};
const RANGE_BEYOND = `merge_method: linear
dtype: bfloat16
slices:
  - sources:
      - { model: "\${absolute}", layer_range: [0, 3], parameters: { weight: 1 } }
      - { model: "\${relative}", layer_range: [0, 3], parameters: { weight: 1 } }
`;
const FILTERS_FOR_SOME = `merge_method: linear
dtype: bfloat16
models:
  - { model: "\${absolute}", parameters: { weight: [{ filter: self_attn, value: 1 }] } }
  - { model: "\${relative}", parameters: { weight: 1 } }
`;

let folder: string;

beforeEach(() => {
  vi.stubEnv('HF_ENDPOINT', hub.settings.endpoint);
  vi.stubEnv('HF_HUB_CACHE', hub.settings.cacheDir);
  for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_TOKEN']) vi.stubEnv(name, '');
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'run-')), 'recipe');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  change('recipe.yaml', /^base_model: .*$/m, `base_model: { id: owner/model, revision: ${COMMIT} }`);
});
afterEach(() => vi.unstubAllEnvs());

function change(name: string, from: RegExp, to: string): void {
  const file = path.join(folder, name);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

function serve(config: unknown): void {
  const file = { content: Buffer.from(JSON.stringify(config)), lfs: false };
  hub.server.repos['models/owner/model'] = { commit: COMMIT, files: { 'config.json': file } };
}

function context() {
  const told: string[] = [];
  const note = (text: string) => told.push(text);
  const reporter = { info: note, notice: note, warning: note, error: note, startStage: refuse };
  const { signal } = new AbortController();
  return { told, ...chainContext({ reporter, signal }) };
}

function refuse(): never {
  throw new Error('a stage began');
}

async function findingsOf(work: Promise<unknown>): Promise<readonly Diagnostic[]> {
  const error: unknown = await work.then(refuse, (caught: unknown) => caught);
  if (!(error instanceof RecipeError)) throw error;
  return error.diagnostics;
}

const BAD: [what: string, file: string, from: RegExp, to: string, message: RegExp][] = [
  [
    'layers that the model does not have',
    'merge.yaml',
    /[^]*/,
    RANGE_BEYOND,
    /layer_range ends at 3, .* have 2 layers/,
  ],
  [
    'tensors without a value',
    'merge.yaml',
    /[^]*/,
    FILTERS_FOR_SOME,
    /no weight of \$\{absolute\} for model\.embed_tokens/,
  ],
  [
    'LoRA targets that it does not have',
    'relative.yaml',
    /$/,
    'use_peft: true\nlora_target_modules: [c_attn]\n',
    /no layer c_attn/,
  ],
];

it.each(BAD)('ends a run before its first stage for %s', async (_, file, from, to, message) => {
  change(file, from, to);
  serve(CONFIG);
  const recipe = { recipe: folder, artifacts_dir: path.join(folder, 'runs') };
  const runs = [
    () => runOf(recipe, context()),
    () => prepareDatasetRequest.run({ ...recipe, dataset: 'feedback-collection' }, context()),
    () => sftTrainRequest.run({ ...recipe, expert: 'absolute' }, context()),
    () => loraMergeRequest.run({ ...recipe, expert: 'relative' }, context()),
    () => modelMergeRequest.run(recipe, context()),
  ];
  for (const run of runs) {
    const errors = (await findingsOf(run())).filter(({ severity }) => severity === 'error');
    expect([...new Set(errors.map((error) => error.message))]).toEqual([expect.stringMatching(message)]);
  }
  expect(existsSync(recipe.artifacts_dir)).toBe(false);
});

it('reports what is a warning of a run, for the stage that it is about', async () => {
  change('absolute.yaml', /^max_length: .*$/m, 'max_length: 8192');
  serve(CONFIG);
  const run = context();
  const { findings } = await runOf({ recipe: folder }, run);
  expect(findings).toMatchObject([{ code: 'position-limit', severity: 'warning' }]);
  expect(run.told).toEqual([expect.stringMatching(/^max_length: 8192, .* 4096 positions/)]);
});

it('makes a plan without a request', () => {
  serve(CONFIG);
  planOf({ recipe: folder }, context());
  expect(hub.server.log).toEqual([]);
});

it('runs with a notice where the hub is out of reach, and from the cache where it was asked before', async () => {
  change('merge.yaml', /[^]*/, RANGE_BEYOND);
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  const offline = context();
  const { plan } = await runOf({ recipe: folder }, offline);
  expect(plan.stages.length).toBeGreaterThan(3);
  expect(offline.told).toEqual([
    expect.stringMatching(
      /layers of the merge are not checked: the config\.json of owner\/model is not available: .*HF_HUB_OFFLINE/,
    ),
  ]);
  expect(hub.server.log).toEqual([]);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  serve(CONFIG);
  await findingsOf(runOf({ recipe: folder }, context()));
  const asked = hub.server.log.length;
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await findingsOf(runOf({ recipe: folder }, context()));
  expect(hub.server.log).toHaveLength(asked);
});

it('ends at once when it is cancelled while it asks', async () => {
  serve(CONFIG);
  hub.server.fault = () => 'mute';
  const cancelling = new AbortController();
  const run = runOf({ recipe: folder }, { reporter: context().reporter, signal: cancelling.signal });
  setTimeout(() => cancelling.abort(new Error('cancelled')), 100);
  await expect(run).rejects.toThrow('cancelled');
});
