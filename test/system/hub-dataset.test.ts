import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Manifest, PROJECT_ROOT } from '@prometheus-actions/stage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HubServer } from '../../packages/hub/test/hub-server.ts';
import { command, temporaryFolder } from './command.ts';

const TOKEN = 'hf_do_not_show_this';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const folder = temporaryFolder();
const recipe = path.join(folder, 'recipe');
const prepared = path.join(folder, 'runs/data/feedback-collection');
const server = new HubServer();

const rows = (from: number) =>
  Array.from({ length: 50 }, (_, i) => ({
    instruction: `ask ${from + i}`,
    output: `So. [RESULT] ${1 + (i % 5)}`,
  }));

beforeAll(async () => {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
  const file = path.join(recipe, 'dataset.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(
      'source: { files: data/feedback.json }',
      'source: [{ hub: owner/rows, revision: main }, { files: data/feedback.json }]',
    ),
  );
  server.repos['datasets/owner/rows'] = {
    commit: COMMIT,
    token: TOKEN,
    files: {
      'README.md': { content: Buffer.from('# rows'), lfs: false },
      'dataset_info.json': { content: Buffer.from('{}'), lfs: false },
      'data/b.jsonl.gz': {
        content: gzipSync(
          rows(50)
            .map((row) => JSON.stringify(row))
            .join('\n'),
        ),
        lfs: true,
      },
      'data/a.json': { content: Buffer.from(JSON.stringify(rows(0))), lfs: false },
    },
  };
  await server.start();
});
afterAll(() => server.stop());

function prepare(env: Record<string, string>) {
  return command(
    [
      ...['prepare-dataset', '--recipe', recipe, '--dataset', 'feedback-collection'],
      ...['--artifacts-dir', path.join(folder, 'runs')],
    ],
    { HF_ENDPOINT: server.endpoint, HF_HOME: path.join(folder, 'hf'), HF_TOKEN: '', ...env },
  );
}

it('without a token, a private dataset is an error that says which page to visit and which variable to set', async () => {
  const { code, output } = await prepare({});
  expect(code).toBe(2);
  expect(output).toMatch(/the hub has no dataset owner\/rows, or it is private/);
  expect(output).toMatch(/set HF_TOKEN/);
});

it('prepares the data files of a repository at the commit of a branch, and shows no token anywhere', async () => {
  const { code, output } = await prepare({ HF_TOKEN: TOKEN });
  expect(code, output).toBe(0);
  const manifest = readFileSync(path.join(prepared, 'stage-manifest.json'), 'utf8');
  const { inputs, metrics } = JSON.parse(manifest) as Manifest;
  expect(inputs.source?.from).toBe(`owner/rows@${COMMIT}`);
  expect(inputs['source 2']?.from).toBe(path.join(recipe, 'data/feedback.json'));
  expect(metrics).toMatchObject({ source: { rows: 100 + 320 } });
  const logs = readdirSync(path.dirname(prepared)).filter((name) => name.endsWith('.log'));
  const texts = logs.map((name) => readFileSync(path.join(path.dirname(prepared), name), 'utf8'));
  for (const text of [output, manifest, ...texts]) expect(text).not.toContain(TOKEN);
});

it('offline, the same is up to date, and made again from the cache where it is gone', async () => {
  const before = server.log.length;
  const offline = { HF_HUB_OFFLINE: '1' };
  expect((await prepare(offline)).output).toContain('prepare-dataset feedback-collection: up to date');
  rmSync(prepared, { recursive: true });
  const { code, output } = await prepare(offline);
  expect(code, output).toBe(0);
  expect(server.log.length).toBe(before);
});

it('offline without the files in the cache, the error names the variable', async () => {
  rmSync(prepared, { recursive: true });
  const { code, output } = await prepare({ HF_HUB_OFFLINE: '1', HF_HOME: path.join(folder, 'empty') });
  expect(code).toBe(2);
  expect(output).toMatch(/HF_HUB_OFFLINE/);
});
