import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reportAction } from '../../src/report-action.ts';
import { stickyComment } from '../../src/run-report/pull-request-comment.ts';
import { outcomeOf } from '../action-outcome.ts';
import { addComment, type CommentServer, commentServer } from './comment-server.ts';
import { makeRun, plannedRun } from './made-run.ts';

let github: CommentServer;

beforeEach(async () => {
  github = await commentServer();
});

afterEach(() => {
  github.close();
  vi.unstubAllEnvs();
});

const write = (text: string, subject = 'smoke-7b') =>
  stickyComment(github, github.token, subject, () => text);
const writes = () => github.requests.filter((request) => !request.startsWith('GET'));

describe('the comment on a pull request', () => {
  it('is added once, and renewed by every later run', async () => {
    const address = await write('first');
    expect(await write('second')).toBe(address);
    expect(await write('third')).toBe(address);
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toMatch(/^<!-- [^>]* -->\nthird$/);
    expect(writes().map((request) => request.split(' ')[0])).toEqual(['POST', 'PATCH', 'PATCH']);
  });

  it('is found behind many others', async () => {
    for (let i = 0; i < 150; i++) addComment(github, `comment ${i}`, 'User');
    await write('first');
    for (let i = 0; i < 150; i++) addComment(github, `later comment ${i}`, 'User');
    await write('second');
    expect(github.comments).toHaveLength(301);
    expect(github.comments[150]?.body).toContain('second');
  });

  it('is not the comment of somebody who has copied its marker', async () => {
    await write('first');
    const copied = addComment(github, github.comments[0]?.body ?? '', 'User');
    github.comments.shift();
    await write('second');
    expect(copied.body).toContain('first');
    expect(github.comments).toHaveLength(2);
  });

  it('is another one for another recipe, whatever that is called', async () => {
    await write('a', 'smoke-7b');
    await write('b', '--><script>');
    await write('c', '--><script>');
    expect(github.comments.map(({ body }) => body.split('\n')[1])).toEqual(['a', 'c']);
    expect(github.comments[1]?.body).not.toContain('script');
  });

  it('is as long as GitHub takes it, and no longer', async () => {
    await stickyComment(github, github.token, 'smoke-7b', (limit) => 'x'.repeat(limit));
    expect(github.comments[0]?.body).toHaveLength(65_536);
  });

  it.each([401, 403, 404])("is the user's to allow, where GitHub answers %d", async (status) => {
    github.refusal = status;
    const error = await write('text').catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: 'ConfigurationError' });
    expect((error as Error).message).toContain(`pull request 7 of owner/judges: GitHub answered ${status}`);
    expect((error as Error).message).toContain('pull-requests: write');
  });
});

interface Reported {
  outputs: Record<string, unknown>;
  lines: string[];
  summary: string;
  failure: string | undefined;
}

/** Runs the action as the runner would, for a pull request whose API is the local server. */
async function act(
  inputs: Record<string, string>,
  event: object = { pull_request: { number: 7 } },
  payload = JSON.stringify(event),
): Promise<Reported> {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'event-')), 'event.json');
  writeFileSync(file, payload);
  vi.stubEnv('GITHUB_EVENT_PATH', file);
  vi.stubEnv('GITHUB_REPOSITORY', github.repository);
  vi.stubEnv('GITHUB_API_URL', github.api);
  for (const [name, value] of Object.entries(inputs)) vi.stubEnv(`INPUT_${name.toUpperCase()}`, value);
  const { told, ...outcome } = await outcomeOf(reportAction);
  return { ...outcome, lines: told.map(({ kind, text }) => `${kind}: ${text}`) };
}

describe('the action', () => {
  const run = plannedRun();
  const inputs = { recipe: path.join(run.folder, 'smoke-7b'), 'artifacts-dir': run.plan.artifactsDir };

  it('reports a run that is not complete with a warning', async () => {
    await makeRun(run, 3);
    const { outputs, lines, summary, failure } = await act(inputs);
    const html = path.join(run.plan.artifactsDir, 'report/report.html');
    expect(failure).toBeUndefined();
    expect(outputs).toEqual({
      html,
      complete: false,
      stages: expect.any(String),
      summary: expect.stringContaining('3 of 6 stages done'),
    });
    const verdicts = JSON.parse(String(outputs.stages)) as Record<string, unknown>[];
    expect(verdicts.map(({ stage, state }) => `${stage} ${state}`)).toEqual(
      run.plan.stages.map(({ id }, index) => `${id} ${index < 3 ? 'whole' : 'absent'}`),
    );
    const prepared = run.plan.stages[1]?.outputDir ?? '';
    expect(verdicts[1]).toMatchObject({
      output_dir: prepared,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(JSON.parse(readFileSync(String(verdicts[1]?.manifest), 'utf8')).digest).toBe(verdicts[1]?.digest);
    expect(verdicts[5]).not.toHaveProperty('manifest');
    expect(readFileSync(html, 'utf8')).toContain('Not complete: 3 of 6 stages done');
    expect(summary).toContain('### What is missing');
    expect(lines).toContainEqual(
      expect.stringMatching(/^warning: smoke-7b: not complete, 3 of 6 stages done\nsft-train/),
    );
    expect(github.requests).toEqual([]);
  });

  it('writes a comment where it is asked for one', async () => {
    await makeRun(run);
    const asked = { ...inputs, comment: 'true', token: github.token };
    const { outputs, lines } = await act(asked);
    expect(outputs.complete).toBe(true);
    await act(asked);
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('## smoke-7b: complete');
    expect(lines.at(-1)).toBe(
      'info: The comment is at https://github.com/owner/judges/pull/7#issuecomment-1000',
    );
  });

  it.each([
    [
      'GitHub refuses it',
      () => {
        github.refusal = 403;
      },
      {},
      /GitHub answered 403/,
    ],
    ['GitHub is not in reach', () => github.close(), {}, /ECONNREFUSED|connect/],
    ['there is no token', () => {}, { token: '' }, /there is no token/],
  ])('is done, with a warning, where %s', async (_what, prepare, changes, reason) => {
    const output = path.join(run.folder, 'elsewhere.html');
    prepare();
    const asked = { ...inputs, output, comment: 'true', token: github.token, ...changes };
    const { failure, summary, outputs, lines } = await act(asked);
    expect(failure).toBeUndefined();
    expect(summary).toContain('## smoke-7b');
    expect(summary.trimEnd().split('\n').slice(-2).join(' ')).toMatch(/comment: not written/);
    expect(outputs.html).toBe(output);
    const warnings = lines.filter((line) => line.startsWith('warning: comment: not written: '));
    expect(warnings).toEqual([expect.stringMatching(reason)]);
  });

  it('is done, with a warning, where the event of the job can not be read', async () => {
    const asked = { ...inputs, comment: 'true', token: github.token };
    const { failure, lines } = await act(asked, {}, '{');
    expect(failure).toBeUndefined();
    expect(lines).toContainEqual(expect.stringMatching(/^warning: comment: not written: .*JSON/));
  });

  it('has its summary, and an error that names the file, where the page can not be written', async () => {
    const { failure, summary } = await act({
      ...inputs,
      output: path.join(run.folder, 'smoke-7b/recipe.yaml/page.html'),
    });
    expect(failure).toMatch(/^the report can't be written: E.*recipe\.yaml/);
    expect(summary).toContain('## smoke-7b');
  });

  it('says where there is no pull request to comment on', async () => {
    const { lines, failure } = await act({ ...inputs, comment: 'true', token: 'x' }, {});
    expect(failure).toBeUndefined();
    expect(lines).toContainEqual(expect.stringMatching(/^notice: comment: this is no run of a pull request/));
    expect(github.requests).toEqual([]);
  });
});
