import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError, confined } from '@prometheus-actions/stage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hubSettings } from '../src/index.ts';
import { requirePython, runPython } from './python.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), 'home-'));
  for (const [file, token] of [
    ['.cache/huggingface/token', 'hf_default\n'],
    ['hf-home/token', ' hf_home \r\n'],
    ['xdg/huggingface/token', ''],
    ['a token', 'hf_named'],
  ] as const) {
    mkdirSync(path.dirname(path.join(home, file)), { recursive: true });
    writeFileSync(path.join(home, file), token);
  }
});
afterAll(() => rmSync(home, { recursive: true }));

// Values that start with @ are paths in the home folder.
const ENVIRONMENTS: Record<string, string>[] = [
  {},
  { HF_HOME: '@/hf-home' },
  { HF_HOME: '~/hf-home' },
  { HF_HOME: '$BASE/hf-home', BASE: '@' },
  { HF_HOME: '${BASE}/x/$UNKNOWN', BASE: '@' },
  { XDG_CACHE_HOME: '@/xdg' },
  { XDG_CACHE_HOME: '@/xdg', HF_HOME: '@/hf-home' },
  { HF_HUB_CACHE: '@/hub-cache', HUGGINGFACE_HUB_CACHE: '@/legacy' },
  { HUGGINGFACE_HUB_CACHE: '~/legacy' },
  { HF_TOKEN_PATH: '~/a token' },
  { HF_TOKEN_PATH: '@/no such file' },
  { HF_TOKEN: ' hf_variable\n' },
  { HF_TOKEN: '', HUGGING_FACE_HUB_TOKEN: 'hf_legacy' },
  { HF_TOKEN: 'hf_variable', HUGGING_FACE_HUB_TOKEN: 'hf_legacy' },
  { HF_TOKEN: '  \n', HUGGING_FACE_HUB_TOKEN: 'hf_legacy' },
  { HF_TOKEN: 'hf_variable', HF_HUB_DISABLE_IMPLICIT_TOKEN: 'yes' },
  { HF_HUB_OFFLINE: '1' },
  { HF_HUB_OFFLINE: 'on' },
  { HF_HUB_OFFLINE: '0', TRANSFORMERS_OFFLINE: '1' },
  { TRANSFORMERS_OFFLINE: 'True' },
  { HF_HUB_OFFLINE: 'y' },
  { HF_ENDPOINT: 'https://mirror.example/hf//' },
  { HF_HUB_ETAG_TIMEOUT: '3', HF_HUB_DOWNLOAD_TIMEOUT: '60' },
  { HF_HUB_ETAG_TIMEOUT: '0' },
];

it('reads every variable as the Python library does', async (context) => {
  requirePython(context);
  const environments = ENVIRONMENTS.map((variables) =>
    Object.fromEntries(
      Object.entries({ HOME: '@', ...variables }).map(([name, value]) => [name, value.replace(/^@/, home)]),
    ),
  );
  const theirs = await runPython(
    `
import importlib, json, os, sys
from huggingface_hub import constants
from huggingface_hub.utils._headers import get_token_to_send
answers = []
for environment in json.loads(sys.argv[1]):
    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(constants)
    answers.append({
        "endpoint": constants.ENDPOINT,
        "token": get_token_to_send(None),
        "cacheDir": os.path.abspath(constants.HF_HUB_CACHE),
        "offline": constants.HF_HUB_OFFLINE,
        "metadataTimeout": constants.HF_HUB_ETAG_TIMEOUT * 1000,
        "downloadTimeout": constants.HF_HUB_DOWNLOAD_TIMEOUT * 1000,
    })
print(json.dumps(answers))
`,
    [JSON.stringify(environments)],
  );
  const ours = environments.map((env) => {
    const { endpoint, token, cacheDir, offline, metadataTimeout, downloadTimeout } = hubSettings(env);
    const settings = { endpoint, cacheDir, metadataTimeout, downloadTimeout };
    return { ...settings, token: token?.value ?? null, offline: offline !== undefined };
  });
  expect(ours).toEqual(JSON.parse(theirs));
});

it('says where the token comes from, and which variable forbids requests', () => {
  const source = (env: NodeJS.ProcessEnv) => hubSettings({ HOME: home, ...env }).token?.source;
  expect(source({ HF_TOKEN: 'hf_x' })).toBe('HF_TOKEN');
  expect(source({ HUGGING_FACE_HUB_TOKEN: 'hf_x' })).toBe('HUGGING_FACE_HUB_TOKEN');
  expect(source({})).toBe(path.join(home, '.cache/huggingface/token'));
  expect(hubSettings({ TRANSFORMERS_OFFLINE: '1' }).offline).toBe('TRANSFORMERS_OFFLINE');
});

it.each([
  { HF_ENDPOINT: 'mirror.example' },
  { HF_ENDPOINT: 'ftp://mirror.example' },
  { HF_ENDPOINT: 'https://user:hf_secret@mirror.example' },
  { HF_HUB_ETAG_TIMEOUT: 'soon' },
  { HF_HUB_DOWNLOAD_TIMEOUT: '-1' },
  { HF_TOKEN: 'hf_secret\u00e9' },
  { HF_TOKEN: 'hf_secret two' },
  { HF_TOKEN_PATH: '/' },
])('refuses %o without quoting a secret', (env) => {
  try {
    hubSettings({ HOME: home, ...env } as NodeJS.ProcessEnv);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    expect(error.message).toContain(
      Object.keys(env)[0] === 'HF_TOKEN_PATH' ? 'the token file /' : Object.keys(env)[0],
    );
    expect(error.message).not.toContain('hf_secret');
    return;
  }
  throw new Error('it was taken');
});

it.each([
  { HF_HOME: '/workspace/.cache' },
  { HF_HUB_CACHE: '/workspace/hub' },
  { XDG_CACHE_HOME: '/workspace' },
  { HF_TOKEN_PATH: '/workspace/token', HF_TOKEN: 'hf_x' },
])('takes neither cache nor token from the workspace of a job, which a checkout fills: %o', (env) => {
  const read = () => hubSettings({ HOME: '/nowhere', ...env });
  expect(() => confined({ root: '/workspace', outside: 'by name' }, read)).toThrow(
    /the hub's files are to be in the workspace.*: \/workspace\/.*\n {2}Set HF_HOME .* to a folder outside/,
  );
  expect(read).not.toThrow();
});
