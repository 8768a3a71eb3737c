import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PYTHON_VARIABLES } from '@prometheus-actions/stage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubServer } from '../../packages/hub/test/hub-server.ts';
import { command, type Finished, PYTHON, startProgram, temporaryFolder } from './command.ts';
import { processesOf } from './processes.ts';
import { adapterRecipe } from './smoke-recipe.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const SECRETS: Record<string, string> = {
  HF_TOKEN: 'hf_of_the_private_model',
  HUGGING_FACE_HUB_TOKEN: 'hf_another',
  WANDB_API_KEY: 'f00dfeed'.repeat(5),
  COMET_API_KEY: 'planted',
  GITHUB_TOKEN: 'planted',
  GH_TOKEN: 'planted',
  ACTIONS_RUNTIME_TOKEN: 'planted',
  ACTIONS_RUNTIME_URL: 'planted',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'planted',
  ACTIONS_ID_TOKEN_REQUEST_URL: 'planted',
  INPUT_TOKEN: 'planted',
  UV_INDEX_URL: 'planted',
};

const folder = temporaryFolder();
const recipe = path.join(folder, 'recipe');
const runs = path.join(folder, 'runs');
const started = path.join(folder, 'started');
const python = path.join(folder, 'python');
const server = new HubServer();
const env = {
  ...SECRETS,
  RUNNER_TRACKING_ID: 'github_of_this_test',
  WANDB_MODE: 'offline',
  HOME: path.join(folder, 'home'),
  HF_HOME: path.join(folder, 'hf'),
  get HF_ENDPOINT() {
    return server.endpoint;
  },
  PROMETHEUS_PYTHON: python,
};

beforeAll(async () => {
  adapterRecipe(recipe, '{ config: cpu, processes: 2 }');
  await server.start();
  await serveBaseModel();
  change('recipe.yaml', /^base_model: .*$/m, `base_model: { id: owner/base, revision: ${COMMIT} }`);
  change('absolute.yaml', /report_to: \[\]/, 'report_to: [tensorboard, wandb]');
  // Python, which first notes the environment that it was started with.
  mkdirSync(started);
  const note = `{ echo "$@"; env; } > ${started}/$$-$(date +%N)`;
  writeFileSync(python, `#!/bin/sh\n${note}\nexec ${PYTHON} "$@"\n`, { mode: 0o755 });
});
afterAll(() => server.stop());

/** A model that only the right token may read, and that comes with files that are not read. */
async function serveBaseModel(): Promise<void> {
  const model = path.join(folder, 'model');
  const job = path.join(folder, 'job.json');
  const config = JSON.parse(readFileSync(path.join(recipe, 'base-model.json'), 'utf8'));
  const settings = { config, seed: 42, dtype: 'bfloat16', tokenizer: 'mistral-v1', output_dir: model };
  writeFileSync(job, JSON.stringify(settings));
  const args = ['-P', '-m', 'prometheus_trainer.base_model', '--job', job];
  const { code, output } = await startProgram(PYTHON, args, { cwd: folder, env: PYTHON_VARIABLES }).finished;
  expect(code, output).toBe(0);
  for (const name of ['pytorch_model.bin', 'modeling_evil.py', 'training_args.bin'])
    writeFileSync(path.join(model, name), 'not to be read');
  const files = readdirSync(model).map((name) => [
    name,
    { content: readFileSync(path.join(model, name)), lfs: name.endsWith('.safetensors') },
  ]);
  server.repos['models/owner/base'] = {
    commit: COMMIT,
    token: SECRETS.HF_TOKEN ?? '',
    files: Object.fromEntries(files),
  };
}

function change(name: string, from: RegExp, to: string): void {
  const file = path.join(recipe, name);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

interface Seen {
  command: string;
  names: string[];
  environment: Record<string, string>;
}

/** Each process that was seen while a command ran, and which of the secrets were in its environment. */
async function watch(finished: Promise<Finished>): Promise<{ finished: Finished; seen: Seen[] }> {
  const seen = new Map<string, Seen>();
  const look = () => {
    for (const { pid, command: line } of processesOf(folder)) {
      try {
        seen.set(`${pid} ${line}`, seenOf(line, readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')));
      } catch {
        // ended meanwhile
      }
    }
  };
  const timer = setInterval(look, 50);
  const done = await finished;
  clearInterval(timer);
  for (const name of readdirSync(started)) {
    const [line = '', ...lines] = readFileSync(path.join(started, name), 'utf8').split('\n');
    seen.set(name, seenOf(`python ${line}`, lines));
  }
  return { finished: done, seen: [...seen.values()] };
}

function seenOf(line: string, entries: string[]): Seen {
  const environment = Object.fromEntries(
    entries.map((entry) => [entry.split('=')[0] ?? '', entry.slice(entry.indexOf('=') + 1)]),
  );
  return { command: line, names: Object.keys(environment).filter((name) => name in SECRETS), environment };
}

/** The command itself, which asks the hub. */
const isOurs = ({ command: line }: Seen) =>
  /\bnode\S* .*prometheus-actions\.mjs|packages\/cli\/src\/main\.ts/.test(line);

describe('a run with tokens in its environment, from a model that one of them opens', () => {
  let result: Awaited<ReturnType<typeof watch>>;
  beforeAll(async () => {
    result = await watch(command(['replicate', recipe, '--artifacts-dir', runs], env));
  });

  it('makes the judge', () => {
    const { code, output } = result.finished;
    expect(code, output).toBe(0);
    expect(output).toMatch(/model-merge: done/);
  });

  it('gives no process but the command a token, and the training the key of where it reports', () => {
    const seen = result.seen.filter((one) => !isOurs(one));
    const of = (pattern: RegExp) => seen.filter((one) => pattern.test(one.command));
    for (const pattern of [
      /accelerate\.commands\.launch/,
      /^\S*python\S* .*-m prometheus_trainer\.sft_train/,
      /-m prometheus_trainer\.lora_merge/,
      /-m prometheus_trainer\.mergekit_merge/,
      /prometheus_trainer\.mergekit_command/,
      /node_check/,
      /check_environment\.py/,
    ])
      expect(
        of(pattern).length,
        `${pattern} among\n${seen.map((one) => one.command).join('\n')}`,
      ).toBeGreaterThan(0);
    const training = of(/prometheus_trainer\.sft_train/);
    for (const one of training) expect(one.names, one.command).toEqual(['WANDB_API_KEY']);
    for (const one of seen.filter((other) => !training.includes(other)))
      expect(
        one.names.filter((name) => name !== 'WANDB_API_KEY' || !ofTraining(one)),
        one.command,
      ).toEqual([]);
    expect(result.seen.filter(isOurs).some((one) => one.names.includes('HF_TOKEN'))).toBe(true);
  });

  it('starts them as processes that ask no hub, and read no token from a file', () => {
    const pythons = result.seen.filter((one) => /prometheus_trainer\./.test(one.command) && !isOurs(one));
    expect(pythons.length).toBeGreaterThan(5);
    for (const { environment, command: line } of pythons)
      expect(environment, line).toMatchObject({
        HF_HUB_OFFLINE: '1',
        HF_HUB_DISABLE_IMPLICIT_TOKEN: '1',
        RUNNER_TRACKING_ID: 'github_of_this_test',
      });
  });

  it('fetches what is read of the model, and nothing else', () => {
    const paths = server.log.map((request) => request.path);
    expect(paths.some((name) => name.endsWith('model.safetensors'))).toBe(true);
    expect(paths.filter((name) => /evil|\.bin/.test(name))).toEqual([]);
  });
});

/** What the training starts has its environment: a compiler, Weights & Biases' own process. */
function ofTraining({ environment }: Seen): boolean {
  return 'LOCAL_RANK' in environment || 'WANDB_RUN_ID' in environment;
}

it('a launcher of its own is named the variables without which no token and no hub is asked', async () => {
  change('recipe.yaml', /^launch: .*$/m, 'launch: { config: cpu, processes: 2, launcher: none }');
  const own = path.join(folder, 'own');
  const args = ['--recipe', recipe, '--artifacts-dir', own];
  const prepared = ['prepare-dataset', ...args, '--dataset', 'feedback-collection'];
  expect((await command(prepared, env)).code).toBe(0);
  const { code, output } = await command(['sft-train', ...args, '--expert', 'absolute'], env);
  expect(code, output).toBe(0);
  expect(output).toMatch(
    /^ {2}PYTHONPATH=\S+ .*\bHF_HUB_OFFLINE=1 HF_HUB_DISABLE_IMPLICIT_TOKEN=1 HF_TOKEN='' HUGGING_FACE_HUB_TOKEN='' /m,
  );
});

it('a model that the token does not open is refused before anything starts', async () => {
  const before = readdirSync(started).length;
  const other = path.join(folder, 'other');
  const args = ['--recipe', recipe, '--artifacts-dir', other];
  expect((await command(['prepare-dataset', ...args, '--dataset', 'feedback-collection'], env)).code).toBe(0);
  const wrong = {
    ...env,
    HF_TOKEN: 'hf_wrong',
    HF_HOME: path.join(folder, 'hf-2'),
    HF_ENDPOINT: server.endpoint,
  };
  const { code, output } = await command(['sft-train', ...args, '--expert', 'absolute'], wrong);
  expect(code).toBe(2);
  expect(output).toMatch(/the hub has no model owner\/base, or it is private/);
  const since = readdirSync(started).slice(before);
  expect(since.map((name) => readFileSync(path.join(started, name), 'utf8')).join('')).not.toContain(
    'sft_train',
  );
});
