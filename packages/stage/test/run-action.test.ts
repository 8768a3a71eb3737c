import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SUMMARY_LIMIT } from '../src/index.ts';
import { withinLimit } from '../src/job-files.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'action-'));
  for (const file of ['output', 'summary']) writeFileSync(path.join(folder, file), '');
  mkdirSync(path.join(folder, 'folder'));
});

/** Runs an action as a runner does, with other files than its own where `files` says so. */
function act(body: string, files: Record<string, string> = {}) {
  const source = path.resolve(import.meta.dirname, '../src/index.ts');
  const script = `const { ConfigurationError, runAction } = await import(${JSON.stringify(source)});
    await runAction(async ({ setOutput, addSummary }) => { ${body} });`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: path.join(folder, 'output'),
      GITHUB_STEP_SUMMARY: path.join(folder, 'summary'),
      ...files,
    },
  });
  const commands = stdout.split('\n').filter((line) => line.startsWith('::'));
  return { status, commands, read: (file: string) => readFileSync(path.join(folder, file), 'utf8') };
}

const WORK =
  "setOutput('finished', false); addSummary('# Done'); setOutput('finished', true); setOutput('rows', 3);";
const UNWRITABLE = ['/nowhere/file', '/dev/full', 'a folder'];
const fileOf = (what: string) => (what === 'a folder' ? path.join(folder, 'folder') : what);

describe('a summary or output that can not be written', () => {
  it.each(UNWRITABLE)('a summary in %s', (what) => {
    const { status, commands, read } = act(WORK, { GITHUB_STEP_SUMMARY: fileOf(what) });
    expect(status).toBe(0);
    expect(commands).toEqual([
      expect.stringMatching(/^::warning::The summary of this step could not be written: \S+/),
    ]);
    expect(read('output')).toMatch(/finished<<(\S+)\ntrue\n\1\nrows<<(\S+)\n3\n\2\n$/);
  });

  it.each(UNWRITABLE)('outputs in %s, which are named once', (what) => {
    const { status, commands, read } = act(WORK, { GITHUB_OUTPUT: fileOf(what) });
    expect(status).toBe(0);
    expect(commands).toEqual([
      expect.stringMatching(
        /^::warning::Outputs could not be written, so later steps .*: finished, rows\. \S+/,
      ),
    ]);
    expect(read('summary')).toMatch(
      /^# Done\n\n?### Outputs are missing\n\n```text\nOutputs could not be written/,
    );
  });

  it('both, of a failure, which stays the message', () => {
    const files = { GITHUB_OUTPUT: '/dev/full', GITHUB_STEP_SUMMARY: '/dev/full' };
    const { status, commands } = act(`${WORK} throw new ConfigurationError('the data are wrong');`, files);
    expect(status).toBe(1);
    expect(commands.map((line) => line.slice(0, 22))).toEqual([
      '::error::the data are ',
      '::warning::Outputs cou',
      '::warning::The summary',
    ]);
  });

  it('nothing, where all can be', () => {
    const { status, commands, read } = act(`addSummary('# Last', 'end'); ${WORK}`);
    expect([status, commands]).toEqual([0, []]);
    expect(read('summary')).toBe('# Done\n# Last\n');
  });

  it('no summary where the runner has none', () => {
    expect(act(WORK, { GITHUB_STEP_SUMMARY: '' })).toMatchObject({ status: 0, commands: [] });
  });
});

describe('a summary that is longer than GitHub shows', () => {
  it('is cut where it is longest, and says so', () => {
    const { status, read } = act(
      "addSummary('# First'); addSummary('| line of a table |\\n'.repeat(100_000)); throw new ConfigurationError('wrong');",
    );
    expect(status).toBe(1);
    const summary = read('summary');
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(SUMMARY_LIMIT);
    expect(Buffer.byteLength(summary)).toBeGreaterThan(SUMMARY_LIMIT - 500);
    expect(summary).toMatch(/^# First\n\| line of a table \|\n/);
    expect(summary).toMatch(
      /\n\| line of a table \|\n\n\n… The rest is left out.*\n\n### Failed\n\n```text\nwrong\n```\n+$/,
    );
  });

  it.each([
    ['many long parts', Array.from({ length: 40 }, (_, i) => `## ${i}\n${'ü \n'.repeat(200)}`)],
    ['one line', ['x'.repeat(20_000)]],
    ['text in a fence', ['# First', `\`\`\`text\n${'a line\n'.repeat(4000)}\`\`\`\n`, '# Last']],
    ['characters of four bytes', [`${'😀'.repeat(50)}\n`.repeat(400)]],
  ])('has no half lines: %s', (_what, sections) => {
    const cut = withinLimit(sections, 5000);
    expect(Buffer.byteLength(`${cut}\n`)).toBeLessThanOrEqual(5000);
    expect(cut).toContain('… The rest is left out');
    expect(cut).not.toContain('\u{FFFD}');
    expect(cut.split('\n').filter((line) => line.startsWith('```')).length % 2).toBe(0);
  });

  it('is as it was where there is room', () => {
    expect(withinLimit(['a\n', 'b'], 5)).toBe('a\n\nb');
  });
});
