import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Manifest, PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RerunReport } from '../bench/rerun.ts';
import { command, contents, pythonCheck, sharedFile, temporaryFolder } from './command.ts';

// A copy of the recipe, so that it can be changed.
const folder = temporaryFolder();
const recipe = path.join(folder, 'smoke-7b');
const runs = path.join(folder, 'runs');
const replicate = () => command(['replicate', recipe, '--artifacts-dir', runs]);

interface Replicated {
  [stage: string]: string;
}

/** Status of each stage of a run. */
function statuses(output: string): Replicated {
  const rows = output.matchAll(/^(base-model|[a-z-]+\/[\w-]+|model-merge) {2,}(up to date|done|stopped)/gm);
  return Object.fromEntries([...rows].map(([, id, status]) => [id, status]));
}

const manifest = (output: string) =>
  JSON.parse(readFileSync(path.join(runs, output, 'stage-manifest.json'), 'utf8')) as Manifest;

beforeAll(async () => {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
  const { code, output } = await replicate();
  expect(output).toContain(`The judge is in ${runs}/judge`);
  expect(code).toBe(0);
});

describe('the judge of the smoke recipe', () => {
  it.each(['absolute', 'relative'])('the loss of the %s expert falls', (expert) => {
    const { train_loss_first, train_loss_last } = manifest(`experts/${expert}`).metrics as Record<
      string,
      number
    >;
    expect(train_loss_last).toBeLessThan((train_loss_first ?? 0) - 1);
  });

  it('loads, generates, and is the mean of the experts rounded once', () => {
    const checked = pythonCheck(
      'check_judge.py',
      ['judge', 'experts/absolute', 'experts/relative'].map((name) => path.join(runs, name)),
    );
    expect(checked).toMatchObject({ elements_wrong: 0, tensors: 21, generated_tokens: 8 });
  });

  it('has a report of the whole run', () => {
    const page = readFileSync(path.join(runs, 'report/report.html'), 'utf8');
    expect(page).toContain('<p class="state whole">Complete</p>');
    for (const expert of ['absolute', 'relative']) expect(page).toContain(`Loss of ${expert}`);
  });

  it('has the provenance of every stage', () => {
    expect(Object.keys(manifest('judge').inputs)).toEqual(['absolute', 'relative', 'base']);
    expect(manifest('judge').inputs.absolute?.digest).toBe(manifest('experts/absolute').digest);
    expect(manifest('experts/absolute').inputs.dataset?.digest).toBe(
      manifest('data/feedback-collection').digest,
    );
  });
});

describe('the same command again', () => {
  const ALL = [
    'base-model',
    'prepare-dataset/feedback-collection',
    'prepare-dataset/preference-collection',
    'sft-train/absolute',
    'sft-train/relative',
    'model-merge',
  ];
  const madeAgain = async () => {
    const { code, output } = await replicate();
    expect(code).toBe(0);
    const result = statuses(output);
    expect(Object.keys(result)).toEqual(ALL);
    return ALL.filter((id) => result[id] !== 'up to date');
  };

  it('finds everything up to date', async () => {
    expect(await madeAgain()).toEqual([]);
  });

  it('is what the benchmark of reruns measures', () => {
    const args = ['--recipe', 'smoke-7b', '--artifacts-dir', runs, '--rounds', '1', '--json'];
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['run', '--silent', 'bench', '--', 'rerun', ...args],
      {
        cwd: PROJECT_ROOT,
        encoding: 'utf8',
      },
    );
    expect(status, stderr).toBe(0);
    const { actions, all, node, ours } = JSON.parse(stdout) as RerunReport;
    expect(actions.map(({ title }) => title)).toEqual([
      'validate-recipe',
      ...['prepare-dataset/feedback-collection', 'prepare-dataset/preference-collection'],
      ...['sft-train/absolute', 'sft-train/relative', 'model-merge', 'report'],
    ]);
    // Had one of them trained, it would have taken longer.
    for (const { seconds } of actions) expect(seconds.max).toBeLessThan(10);
    expect(ours.median).toBeCloseTo(all.median - node.median);
  });

  it('merges again when a byte of the judge is flipped, and ends with the same judge', async () => {
    const before = await contents(path.join(runs, 'judge'));
    const weights = path.join(runs, 'judge/model.safetensors');
    const bytes = readFileSync(weights);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(weights, bytes);
    expect(await madeAgain()).toEqual(['model-merge']);
    expect(await contents(path.join(runs, 'judge'))).toEqual(before);
  });

  it('trains one expert and merges again when its learning rate changes', async () => {
    const file = path.join(recipe, 'relative.yaml');
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace('learning_rate: 4.0e-3', 'learning_rate: 1.5e-3')
        .replace('max_steps: 20', 'max_steps: 3'),
    );
    expect(await madeAgain()).toEqual(['sft-train/relative', 'model-merge']);
  });

  it('does nothing when only logging changes', async () => {
    const file = path.join(recipe, 'relative.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('logging_steps: 2', 'logging_steps: 1'));
    expect(await madeAgain()).toEqual([]);
  });

  it('prepares, trains and merges again what depends on a data file that changes', async () => {
    const training = path.join(recipe, 'absolute.yaml');
    writeFileSync(training, readFileSync(training, 'utf8').replace('max_steps: 20', 'max_steps: 3'));
    expect(await madeAgain()).toEqual(['sft-train/absolute', 'model-merge']);
    const data = path.join(recipe, 'data/feedback.json');
    const rows = JSON.parse(readFileSync(data, 'utf8')) as Record<string, string>[];
    writeFileSync(data, JSON.stringify(rows.slice(1)));
    expect(await madeAgain()).toEqual([
      'prepare-dataset/feedback-collection',
      'sft-train/absolute',
      'model-merge',
    ]);
  });
});

it('runs from a folder outside the repository on other data, given by absolute paths', async (context) => {
  const feedback = sharedFile(context, 'data/feedback-sample.json');
  const preference = sharedFile(context, 'data/preference-sample.parquet');
  const dataset = path.join(recipe, 'dataset.yaml');
  const text = readFileSync(dataset, 'utf8');
  const settings = text
    .replace('data/feedback.json', feedback)
    .replace('data/preference.parquet', preference);
  writeFileSync(dataset, settings.replaceAll('test_size: 0.05', 'test_size: 0.01'));
  const other = path.join(folder, 'other-runs');
  const { code, output } = await command(['replicate', recipe, '--artifacts-dir', other]);
  expect(output).toContain(`The judge is in ${other}/judge`);
  expect(code).toBe(0);
  const checked = pythonCheck('check_dataset.py', [feedback, preference, path.join(other, 'data')]);
  expect(checked).toEqual({ 'feedback-collection': 'equal', 'preference-collection': 'equal' });
});
