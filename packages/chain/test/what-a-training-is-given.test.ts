import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Launch } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { isRead } from '../src/fetch-models.ts';
import { trainingSecrets, trainingVariables } from '../src/launch.ts';

const local = { launcher: 'local', config: {} } as Launch;
const slurm = { launcher: 'slurm', config: {} } as Launch;
const NAMES = [
  'HF_TOKEN',
  'WANDB_API_KEY',
  'COMET_API_KEY',
  'MLFLOW_TRACKING_TOKEN',
  'CLEARML_API_SECRET_KEY',
  'GITHUB_TOKEN',
  'SLURM_JWT',
  'INPUT_WANDB_API_KEY',
];
const given = (launch: Launch, ...services: string[]) =>
  NAMES.filter((name) => trainingSecrets(launch, services).test(name));

describe('the keys that a training is given', () => {
  it('are those of the services that it reports to', () => {
    expect(given(local)).toEqual([]);
    expect(given(local, 'none')).toEqual([]);
    expect(given(local, 'tensorboard')).toEqual([]);
    expect(given(local, 'wandb')).toEqual(['WANDB_API_KEY']);
    expect(given(local, 'comet_ml', 'mlflow')).toEqual(['COMET_API_KEY', 'MLFLOW_TRACKING_TOKEN']);
    expect(given(local, 'constructor')).toEqual([]);
  });

  it('are those of the cluster where Slurm starts it', () => {
    expect(given(slurm)).toEqual(['SLURM_JWT']);
    expect(given(slurm, 'clearml')).toEqual(['CLEARML_API_SECRET_KEY', 'SLURM_JWT']);
  });

  it('are that of the hub where it reports there, which then is asked', () => {
    expect(given(local, 'trackio')).toEqual(['HF_TOKEN']);
    expect(trainingVariables(local, ['trackio'])).toMatchObject({ HF_HUB_OFFLINE: '' });
    expect(trainingVariables(local, ['wandb'])).not.toHaveProperty('HF_HUB_OFFLINE');
  });
});

it('the files that are fetched of a model are those that Python looks for', () => {
  const source = readFileSync(
    path.join(PROJECT_ROOT, 'packages/trainer/src/prometheus_trainer/model_source.py'),
    'utf8',
  );
  const [, listed = ''] = /^DOWNLOADED_FILES = \(\n([^)]*)\)/m.exec(source) ?? [];
  const patterns = [...listed.matchAll(/"([^"]+)"/g)].map(([, pattern = '']) => pattern);
  expect(patterns.length).toBeGreaterThan(10);
  for (const pattern of patterns)
    expect(isRead(pattern.replace('*', 'model-00001-of-00002')), pattern).toBe(true);
  for (const other of [
    'pytorch_model.bin',
    'modeling_mistral.py',
    'consolidated.00.pt',
    'README.md',
    'original/params.json',
    'config.json.py',
  ])
    expect(isRead(other), other).toBe(false);
  const ours = readFileSync(path.join(PROJECT_ROOT, 'packages/chain/src/fetch-models.ts'), 'utf8');
  const [, names = ''] = /new Set\(\[\n([^\]]*)\]/.exec(ours) ?? [];
  expect([...names.matchAll(/'([^']+)'/g)].map(([, name]) => name)).toEqual(patterns.slice(1));
});
