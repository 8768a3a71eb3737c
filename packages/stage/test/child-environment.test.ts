import { execFileSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { git, PROJECT_ROOT, runCommand, runProcessGroup } from '../src/index.ts';

const SECRETS = [
  'HF_TOKEN',
  'HUGGING_FACE_HUB_TOKEN',
  'HUGGINGFACEHUB_API_TOKEN',
  'HF_TOKEN_PATH',
  'GITHUB_TOKEN',
  'GH_TOKEN',
  'MY_GH_PAT',
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_RUNTIME_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_CACHE_URL',
  'ACTIONS_RESULTS_URL',
  'INPUT_TOKEN',
  'INPUT_ARTIFACTS-DIR',
  'GITHUB_ENV',
  'GITHUB_PATH',
  'GITHUB_OUTPUT',
  'GITHUB_STEP_SUMMARY',
  'WANDB_API_KEY',
  'COMET_API_KEY',
  'NEPTUNE_API_TOKEN',
  'CLEARML_API_SECRET_KEY',
  'CLEARML_API_ACCESS_KEY',
  'MLFLOW_TRACKING_PASSWORD',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'NODE_AUTH_TOKEN',
  'NPM_CONFIG__AUTH',
  'npm_config_registry',
  'UV_INDEX_URL',
  'UV_PUBLISH_TOKEN',
  'PIP_INDEX_URL',
  'DB_PASSWORD',
  'PGPASSWORD',
  'hf_token',
  'OPENAI_API_KEY',
  'SLURM_JWT',
  'SSH_AUTH_SOCK',
];
/** Names that say nothing, and values that do. */
const BY_VALUE = {
  MY_MODELS: `hf_${'abcdefgh'.repeat(4)}`,
  CLONE_FROM: `https://x:ghp_${'abcdefgh'.repeat(4)}@github.com/owner/name`,
  FOR_THE_STEP: `github_pat_${'abcdefgh'.repeat(4)}`,
};
const NEEDED = {
  RUNNER_TRACKING_ID: 'github_0123',
  HOME: tmpdir(),
  HF_HOME: '/data/huggingface',
  CUDA_VISIBLE_DEVICES: '0,1',
  TOKENIZERS_PARALLELISM: 'false',
  NCCL_SOCKET_IFNAME: 'eth0',
  HTTPS_PROXY: 'http://proxy:3128',
  SLURM_JOB_ID: '7',
  WANDB_PROJECT: 'judges',
  GITHUB_WORKSPACE: '/work',
  TRITON_CACHE_DIR: '/data/triton',
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'environment-'));
  for (const name of SECRETS) vi.stubEnv(name, 'planted');
  for (const [name, value] of Object.entries({ ...BY_VALUE, ...NEEDED })) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** How each of our starts of a process is asked for what that has in its environment. */
const STARTS: Record<string, () => Promise<string>> = {
  'a short command': async () => (await runCommand('env', ['-0'])).stdout,
  git: async () => {
    execFileSync('git', ['init', '--quiet', folder]);
    return git(folder, '-c', 'alias.dump=!env -0', 'dump');
  },
  'a stage': async () => {
    const script = path.join(folder, 'script');
    writeFileSync(script, `env -0 > ${folder}/printed`);
    await runProcessGroup({
      command: 'sh',
      args: [script],
      logFile: path.join(folder, 'log'),
      eventsFile: path.join(folder, 'events'),
      onEvent: () => {},
      signal: new AbortController().signal,
    });
    return readFileSync(path.join(folder, 'printed'), 'utf8');
  },
};

function variables(printed: string): Record<string, string> {
  const entries = printed.split('\0').filter((entry) => entry.includes('='));
  return Object.fromEntries(
    entries.map((entry) => [entry.split('=')[0], entry.slice(entry.indexOf('=') + 1)]),
  );
}

describe.each(Object.entries(STARTS))('the environment of %s', (_, start) => {
  it('has no secret and no channel of the runner', async () => {
    const names = Object.keys(variables(await start()));
    expect(names.filter((name) => SECRETS.includes(name) || name in BY_VALUE)).toEqual([]);
  });

  it('has all else', async () => {
    expect(variables(await start())).toMatchObject(NEEDED);
  });
});

it('has a secret that the child needs', async () => {
  const { stdout } = await runCommand('env', ['-0'], { kept: /^WANDB_/ });
  const found = variables(stdout);
  expect(found.WANDB_API_KEY).toBe('planted');
  expect(Object.keys(found).filter((name) => SECRETS.includes(name))).toEqual(['WANDB_API_KEY']);
});

it("keeps git's settings for git, which are numbered", async () => {
  vi.stubEnv('GIT_CONFIG_COUNT', '1');
  vi.stubEnv('GIT_CONFIG_KEY_0', 'alias.dump');
  vi.stubEnv('GIT_CONFIG_VALUE_0', '!echo by a setting');
  execFileSync('git', ['init', '--quiet', folder]);
  expect(git(folder, 'dump')).toBe('by a setting\n');
  const { stdout } = await runCommand('env', []);
  expect(stdout).not.toContain('GIT_CONFIG');
});

it('is found by no folder of the PATH that depends on the working folder', async () => {
  const note = path.join(folder, 'ran');
  for (const name of ['git', 'env', 'sinfo'])
    writeFileSync(path.join(folder, name), `#!/bin/sh\necho ${name} >> ${note}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `:.:./bin:${process.env.PATH}:`);
  execFileSync('/usr/bin/env', ['git', 'init', '--quiet', folder], { cwd: '/' });
  git(folder, 'status');
  await runCommand('env', [], { cwd: folder });
  expect((await runCommand('sh', ['-c', 'sinfo; env'], { cwd: folder })).stdout).not.toMatch(
    /^PATH=.*[:=](?!\/)/m,
  );
  expect(existsSync(note)).toBe(false);
});

it('of git is found in no folder of the checkout, by whatever name the PATH has it', () => {
  const note = path.join(folder, 'ran');
  execFileSync('git', ['init', '--quiet', folder]);
  const bin = path.join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'git'), `#!/bin/sh\necho git >> ${note}\n`, { mode: 0o755 });
  const link = path.join(mkdtempSync(path.join(tmpdir(), 'link-')), 'tools');
  symlinkSync(bin, link);
  vi.stubEnv('GITHUB_WORKSPACE', folder);
  vi.stubEnv('PATH', `${bin}:${link}:${bin}/../.bin:${process.env.PATH}`);
  expect(git(folder, 'status')).toContain('No commits yet');
  expect(existsSync(note)).toBe(false);
});

// Whoever starts a process otherwise gives it all that the step has.
it('is made for every process: none is started around it', () => {
  const sources = globSync(['packages/*/src/**/*.{ts,mjs}', 'packages/*/bin/*', 'actions/*/src/**/*.ts'], {
    cwd: PROJECT_ROOT,
  });
  expect(sources.length).toBeGreaterThan(150);
  const text = (file: string) => readFileSync(path.join(PROJECT_ROOT, file), 'utf8');
  const starting = sources.filter((file) =>
    /child_process|node:cluster|@actions\/exec|process\.binding/.test(text(file)),
  );
  expect(starting.sort()).toEqual([
    'packages/cli/bin/prometheus-actions.mjs',
    'packages/stage/src/git.ts',
    'packages/stage/src/process-group.ts',
    'packages/stage/src/run-command.ts',
  ]);
  for (const file of starting) {
    const environments = text(file).match(/\benv: .*/g) ?? [];
    // The command itself, which reads the tokens, is the one that the first start hands over to.
    const others = environments.filter(
      (line) =>
        !/^env: (?:childEnvironment\(|npmEnvironment\(\)|\{ \.\.\.process\.env, PATH: `\$\{bin\})/.test(line),
    );
    expect(others, file).toEqual([]);
    const starts =
      text(file).match(
        /(?<![.\w])(?:spawn|spawnSync|execFile|execFileSync|exec|execSync|fork|getExecOutput)\(/g,
      ) ?? [];
    expect(environments.length, file).toBe(starts.length);
  }
});
