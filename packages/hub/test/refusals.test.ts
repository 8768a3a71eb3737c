import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { fetchFiles, type HubSettings, listRepoFiles, resolveRepo } from '../src/index.ts';
import { API_FAULTS, CONTENT_FAULTS, SIGNATURE } from './hub-server.ts';
import { COMMIT, gitFile, lfsFile, mistake, REPO, useHub } from './test-hub.ts';

const hub = useHub();
const TOKEN = 'hf_do_not_show_this';
const FILES = { 'a.json': gitFile('a', 10_000), 'b.parquet': lfsFile('b', 20_000) };
const REFERENCE = { type: 'dataset', id: 'owner/rows', revision: 'main' } as const;

function serve(refusal?: { status: number; headers: Record<string, string> }): void {
  hub.server.repos['datasets/owner/rows'] = { commit: COMMIT, files: FILES, ...(refusal ? { refusal } : {}) };
}

function withToken(): HubSettings {
  return { ...hub.settings, token: { value: TOKEN, source: 'HF_TOKEN' } };
}

it('sends the token to the hub, and to no other host', async () => {
  serve();
  const settings = withToken();
  const repo = await resolveRepo(REFERENCE, settings);
  await fetchFiles(repo, Object.keys(FILES), settings);
  const sent = (host: string) =>
    new Set(hub.server.log.filter((each) => each.host === host).map((each) => each.authorization));
  expect(sent('hub')).toEqual(new Set([`Bearer ${TOKEN}`]));
  expect(sent('storage')).toEqual(new Set([undefined]));
});

it('reads a private repository with the token, and sends none where there is none', async () => {
  serve();
  Object.assign(hub.server.repos['datasets/owner/rows'] as object, { token: TOKEN });
  expect((await mistake(resolveRepo(REFERENCE, hub.settings))).problem).toBe(
    'the hub has no dataset owner/rows, or it is private',
  );
  expect(hub.server.log[0]?.authorization).toBe(undefined);
  expect(await resolveRepo(REFERENCE, withToken())).toEqual(REPO);
});

it('follows the pages of a list to the hub alone with the token', async () => {
  serve();
  Object.assign(FILES, { 'c.json': gitFile('c', 5) });
  const settings = { ...withToken(), endpoint: hub.server.endpoint.replace('127.0.0.1', 'localhost') };
  // This server's links to the next page name it by number: another origin than the one asked.
  await listRepoFiles(REPO, settings);
  expect(hub.server.log.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`, undefined]);
});

it.each([
  [403, 'GatedRepo', undefined, 'is gated', 'then set HF_TOKEN'],
  [403, 'GatedRepo', TOKEN, 'is gated', 'with the account of the token in HF_TOKEN'],
  [401, 'GatedRepo', undefined, 'is gated', 'Accept them on'],
  [401, 'RepoNotFound', undefined, 'or it is private', 'set HF_TOKEN'],
  [401, undefined, undefined, 'or it is private', 'set HF_TOKEN'],
  [404, 'RepoNotFound', TOKEN, 'or it is private', 'the token comes from HF_TOKEN'],
  [401, undefined, TOKEN, 'does not accept the token in HF_TOKEN', '/settings/tokens'],
  [403, undefined, undefined, 'answered 403 for the dataset owner/rows', 'HF_TOKEN may be needed'],
  [403, undefined, TOKEN, 'answered 403 for the dataset owner/rows', 'May the token in HF_TOKEN read it?'],
  [404, 'RevisionNotFound', undefined, "no revision 'main'", '/commits/main'],
  [451, undefined, undefined, 'answered 451', 'HF_ENDPOINT'],
])('explains %s %s (token: %s)', async (status, code, token, problem, hint) => {
  serve({ status, headers: code ? { 'x-error-code': code } : {} });
  const error = await mistake(resolveRepo(REFERENCE, token ? withToken() : hub.settings));
  expect(error.problem).toContain(problem);
  expect(error.hint).toContain(hint);
  if (!error.hint?.includes('/settings/tokens'))
    expect(error.hint).toContain(`${hub.server.endpoint}/datasets/owner/rows`);
  // A refusal is no fault that passes: asked once.
  expect(hub.server.log).toHaveLength(1);
});

it('tells what the hub says, without control characters', async () => {
  serve({ status: 403, headers: { 'x-error-message': 'Access to this resource is disabled.\u0009' } });
  expect((await mistake(resolveRepo(REFERENCE, hub.settings))).problem).toMatch(
    /: Access to this resource is disabled\. ?$/,
  );
});

it('names a file and a revision that are not there', async () => {
  serve();
  expect((await mistake(fetchFiles(REPO, ['c.parquet'], hub.settings))).problem).toBe(
    `the dataset owner/rows has no file 'c.parquet' at ${COMMIT}`,
  );
  const other = { ...REPO, commit: 'f'.repeat(40) };
  expect((await mistake(fetchFiles(other, ['a.json'], hub.settings))).problem).toContain(
    `no revision '${other.commit}'`,
  );
});

it('shows no token and no signed address in any error', async () => {
  serve();
  const settings = { ...withToken(), metadataTimeout: 50, downloadTimeout: 50 };
  const errors: unknown[] = [];
  const collect = (work: Promise<unknown>) => work.catch((error: unknown) => errors.push(error));
  for (const fault of API_FAULTS) {
    hub.server.fault = (kind) => (kind === 'api' ? fault : undefined);
    await collect(resolveRepo(REFERENCE, settings));
  }
  hub.server.fault = () => undefined;
  for (const fault of CONTENT_FAULTS) {
    hub.server.fault = (kind) => (kind === 'content' ? fault : undefined);
    await collect(
      fetchFiles(REPO, Object.keys(FILES), { ...settings, cacheDir: `${hub.cacheDir}/${fault}` }),
    );
  }
  for (const status of [400, 401, 403, 404, 451, 500]) {
    serve({ status, headers: { 'x-error-message': 'no' } });
    await collect(resolveRepo(REFERENCE, settings));
  }
  expect(errors.length).toBeGreaterThanOrEqual(20);
  const shown = inspect(errors, { depth: 20, showHidden: true });
  expect(shown).not.toContain(TOKEN);
  expect(shown).not.toContain(SIGNATURE);
});
