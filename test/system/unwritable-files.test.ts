import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runAction } from './action.ts';
import { temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const rows = path.join(folder, 'rows.jsonl');
const row = (index: number) => ({
  instruction: `Judge answer ${index}`,
  output: `Feedback number ${index}, with the reasons for its verdict. [RESULT] ${(index % 5) + 1}`,
});
writeFileSync(rows, Array.from({ length: 20 }, (_, index) => `${JSON.stringify(row(index))}\n`).join(''));

const prepare = (output: string, env: Record<string, string>) =>
  runAction('prepare-dataset', { files: rows, 'output-dir': path.join(folder, output) }, env);
const warnings = (commands: { name: string; data: string }[]) =>
  commands.filter(({ name }) => name === 'warning').map(({ data }) => data);

describe('an action whose work is done has succeeded', () => {
  it.each([
    [
      'summary',
      { GITHUB_STEP_SUMMARY: '/nowhere/summary' },
      /^The summary of this step could not be written/,
    ],
    [
      'outputs',
      { GITHUB_OUTPUT: '/nowhere/outputs' },
      /^Outputs could not be written, .*: finished, cache-hit, output-dir/,
    ],
  ])('where its %s can not be written', async (what, env, warning) => {
    const { code, commands, files } = await prepare(what, env);
    expect(warnings(commands)).toEqual([expect.stringMatching(warning)]);
    expect(commands.filter(({ name }) => name === 'error')).toEqual([]);
    expect(code).toBe(0);
    expect(existsSync(path.join(folder, what, 'train/dataset_info.json'))).toBe(true);
    if (what === 'outputs') expect(files.summary).toContain('### prepare-dataset: done');
    else expect(files.output).toMatch(/finished<<(\S+)\ntrue\n\1/);
  });

  it('but not one whose work has failed, of which the reason is the message', async () => {
    const env = { GITHUB_STEP_SUMMARY: '/nowhere/summary', GITHUB_OUTPUT: '/nowhere/outputs' };
    const empty = path.join(folder, 'empty.jsonl');
    writeFileSync(empty, '');
    const inputs = { files: empty, 'output-dir': path.join(folder, 'failed') };
    const { code, commands } = await runAction('prepare-dataset', inputs, env);
    expect(code).toBe(1);
    const [error, ...others] = commands.filter(({ name }) => name === 'error');
    expect(error?.data).toContain('empty.jsonl');
    expect(others).toEqual([]);
    expect(warnings(commands)).toHaveLength(2);
    expect(readFileSync(empty, 'utf8')).toBe('');
  });
});
