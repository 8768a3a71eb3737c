import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { command, contents, type Running, temporaryFolder } from '../system/command.ts';
import { filesWithSecrets, SECRETS } from '../system/planted-secrets.ts';
import { processesOf } from '../system/processes.ts';
import { oneExpertRecipe } from '../system/smoke-recipe.ts';
import { makeRepository, projectCopy, startAct } from './act.ts';

const { folder: project } = projectCopy();
const recipe = 'recipes/one-expert';

// Everything that a run writes, wherever it writes it, is below one folder: caches, act's own files and its cache server's.
const folder = temporaryFolder();
const artifacts = path.join(folder, 'artifacts');
const undisturbed = path.join(folder, 'undisturbed');
const below = (name: string) => {
  mkdirSync(path.join(folder, name));
  return path.join(folder, name);
};
const env = {
  HOME: below('home'),
  TMPDIR: below('tmp'),
  HF_HOME: below('hf'),
  XDG_CACHE_HOME: below('cache'),
  WANDB_MODE: 'offline',
  OMP_NUM_THREADS: '1', // as under act: the same number of threads, the same weights
};
const printed: string[] = [];

/** act with secrets, which it does not mask: what it prints would show them. */
function startWithSecrets(repository: string, args: string[]): Running {
  const secrets = Object.entries(SECRETS).flatMap(([name, value]) => ['-s', `${name}=${value}`]);
  // All that a job starts has the folder of artifacts in its environment, and so is found by it.
  const marked = ['--env', `PROMETHEUS_TEST_RUN=${artifacts}`];
  return startAct(
    repository,
    ['workflow_dispatch', ...args, ...secrets, '--insecure-secrets', ...marked],
    env,
  );
}

function replicate(): Running {
  const inputs = ['--input', `recipe=${recipe}`, '--input', `artifacts-dir=${artifacts}`];
  return startWithSecrets(project, ['-W', '.github/workflows/replicate.yml', ...inputs]);
}

const jobs = (run: Running) => processesOf(artifacts).filter(({ pid }) => pid !== run.process.pid);

/**
 * Ctrl-C, ten seconds, and no process is left of the job that was under way. act kills the process of the action and
 * nothing else, by SIGKILL: harder than a runner, which asks it to end before.
 */
async function cancel(run: Running): Promise<string> {
  const running = jobs(run);
  expect(running.map((process) => process.command).join('\n')).toMatch(/node .*dist\/index\.js[^]*python/);
  const left = () => jobs(run).filter(({ pid }) => running.some((process) => process.pid === pid));
  run.process.kill('SIGINT');
  for (const deadline = Date.now() + 10_000; left().length > 0 && Date.now() < deadline; ) await sleep(50);
  expect(left()).toEqual([]);
  const { code, output } = await run.finished;
  printed.push(output);
  expect(code).toBe(1);
  expect(output).toContain('this step has been cancelled: signal: killed');
  expect(jobs(run)).toEqual([]);
  return output;
}

const training = {
  per_device_train_batch_size: 1,
  global_batch_size: 2,
  max_steps: 20,
  save_steps: 4,
  logging_steps: 1,
};

beforeAll(async () => {
  oneExpertRecipe(path.join(project, recipe), training);
  const args = ['replicate', path.join(project, recipe), '--artifacts-dir', undisturbed];
  const { code, output } = await command(args, env);
  expect(code, output).toBe(0);
  // Where else a training is reported changes nothing of it; but it prints more, and runs a process of its own.
  oneExpertRecipe(path.join(project, recipe), { ...training, report_to: '[tensorboard, wandb]' });
});

it('leaves no process, goes on where it was cancelled, and ends with the same judge', async () => {
  const trained = replicate();
  await trained.prints(/step 5:/);
  await cancel(trained);
  expect(existsSync(path.join(artifacts, 'experts/absolute'))).toBe(false);

  const merged = replicate();
  await merged.prints(/model-merge: reading the layout/);
  const again = await cancel(merged);
  // Of the checkpoint that it saved when its starter had died; the last before was of step 4.
  expect(again).toMatch(/going on from the checkpoint of step ([5-9]|1\d)\b/);
  expect(again).not.toContain('model-merge: done');
  expect(existsSync(path.join(artifacts, 'judge'))).toBe(false);

  const { code, output } = await replicate().finished;
  printed.push(output);
  expect(code, output.slice(-4000)).toBe(0);
  expect(output).not.toContain('sft-train absolute: training');
  expect(output).toContain('model-merge: done');
  for (const name of ['experts/absolute', 'judge']) {
    const files = await contents(path.join(artifacts, name));
    expect(Object.keys(files)).toContain('model.safetensors');
    expect(files).toEqual(await contents(path.join(undisturbed, name)));
  }
});

it('leaves no secret in any file or log, also not in GitHub’s cache', async () => {
  const other = temporaryFolder();
  mkdirSync(path.join(other, '.github/workflows'), { recursive: true });
  const rows = [1, 2, 3, 4].map((score) => ({ instruction: `q${score}`, output: `a [RESULT] ${score}` }));
  writeFileSync(path.join(other, 'rows.json'), JSON.stringify(rows));
  // The second job does what must not happen: a search that does not find its files would find nothing else either.
  writeFileSync(
    path.join(other, '.github/workflows/cached.yml'),
    `on: workflow_dispatch
jobs:
  prepare:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - uses: prometheus-owner/prometheus-actions/actions/prepare-dataset@v1
        env:
          HF_TOKEN: \${{ secrets.HF_TOKEN }}
        with:
          files: rows.json
          test-size: 1
          cache: true
          output-dir: ${path.join(artifacts, 'cached')}
  control:
    needs: prepare
    runs-on: self-hosted
    steps:
      - run: echo "$KEY" | tee "$HOME/control" && gzip --keep "$HOME/control"
        env:
          KEY: \${{ secrets.WANDB_API_KEY }}
`,
  );
  makeRepository(other);
  const cacheServer = path.join(folder, 'cache-server');
  const { code, output } = await startWithSecrets(other, [
    ...['--cache-server-path', cacheServer],
    ...['--local-repository', `prometheus-owner/prometheus-actions@v1=${project}`],
  ]).finished;
  expect(code, output).toBe(0);
  printed.push(output);
  expect(existsSync(path.join(cacheServer, 'cache'))).toBe(true);
  expect(existsSync(path.join(artifacts, 'report/report.html'))).toBe(true);
  expect(existsSync(path.join(artifacts, 'experts/wandb'))).toBe(true);
  expect(filesWithSecrets(folder).sort()).toEqual(['home/control', 'home/control.gz']);
  const lines = printed.join('\n').split('\n');
  const shown = lines.filter((line) => Object.values(SECRETS).some((secret) => line.includes(secret)));
  expect(shown).toEqual([expect.stringMatching(/^\[cached\.yml\/control\] +\| /)]);
});
