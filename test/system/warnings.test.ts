import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runAction } from './action.ts';
import { command, temporaryFolder } from './command.ts';
import { oneExpertRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'judge');
const runs = path.join(folder, 'runs');
const replicate = (...options: string[]) =>
  command(['replicate', recipe, '--artifacts-dir', runs, ...options]);

// One that is found in a file of the recipe, one in the data.
const LEARNING_RATE = /absolute\.yaml:\d+:\d+: .*learning_rate.*/;
const EMPTY = /The assistant text is empty in 3 of 304 train rows: remove these rows\./;

beforeAll(() => {
  oneExpertRecipe(recipe, {
    ...{ per_device_train_batch_size: 1, global_batch_size: 1, max_steps: 2, eval_strategy: '"no"' },
    learning_rate: 0.5,
  });
  const file = path.join(recipe, 'data/feedback.json');
  const rows = JSON.parse(readFileSync(file, 'utf8')) as { output: string }[];
  for (const row of rows.slice(0, 3)) row.output = '';
  writeFileSync(file, JSON.stringify(rows));
});

/** What a command printed from the heading of its warnings on. */
function repeated(output: string): { number: number; lines: string[] } {
  const [heading = '', ...lines] = (/\n(\d+ warnings?\n(?: {2}.*\n)+)/.exec(output)?.[1] ?? '')
    .trimEnd()
    .split('\n');
  return { number: Number.parseInt(heading, 10), lines };
}

describe('the warnings of a run', () => {
  it('are repeated at its end, after the table', async () => {
    const { code, output } = await replicate();
    expect(code, output).toBe(0);
    const { number, lines } = repeated(output);
    expect(number).toBe(lines.length);
    expect(lines).toContainEqual(expect.stringMatching(EMPTY));
    expect(lines).toContainEqual(expect.stringMatching(LEARNING_RATE));
    expect(output.lastIndexOf(`${number} warnings`)).toBeGreaterThan(output.indexOf('To load it:'));
    for (const text of [EMPTY, LEARNING_RATE])
      expect(lines.filter((line) => text.test(line))).toHaveLength(1);
  });

  it('are in the manifests of the stages that they are about', () => {
    const warningsOf = (output: string) =>
      JSON.parse(readFileSync(path.join(runs, output, 'stage-manifest.json'), 'utf8')).warnings as string[];
    expect(warningsOf('data/feedback-collection')).toContainEqual(expect.stringMatching(EMPTY));
    expect(warningsOf('experts/absolute')).toContainEqual(expect.stringMatching(LEARNING_RATE));
    expect(warningsOf('base')).toEqual([]);
  });

  it('are repeated where all is up to date, and in JSON', async () => {
    const { output } = await replicate('--json');
    expect(output).toMatch(/model-merge: up to date/);
    const { lines } = repeated(output);
    expect(lines).toContainEqual(expect.stringMatching(EMPTY));
    const json = JSON.parse(output.slice(output.indexOf('\n{\n') + 1, output.lastIndexOf('\n}\n') + 2));
    expect(json.warnings).toContainEqual({
      stage: 'prepare-dataset feedback-collection',
      warnings: expect.arrayContaining([expect.stringMatching(EMPTY)]),
      left_out: 0,
    });
  });

  it('are printed with --quiet, where all is up to date too, each once and nothing else', async () => {
    const { code, output } = await replicate('--quiet');
    expect(code).toBe(0);
    const lines = output.trim().split('\n');
    expect(lines.every((line) => line.startsWith('warning: '))).toBe(true);
    expect(lines).toHaveLength(repeated((await replicate()).output).number);
    for (const text of [EMPTY, /learning_rate/])
      expect(lines.filter((line) => text.test(line))).toHaveLength(1);
    const stage = ['prepare-dataset', '--recipe', recipe, '--dataset', 'feedback-collection'];
    const alone = await command([...stage, '--artifacts-dir', runs, '--quiet']);
    expect(alone.output).toMatch(EMPTY);
    expect(alone.output).not.toMatch(/up to date/);
  });

  it('are in the report', async () => {
    const page = readFileSync(path.join(runs, 'report/report.html'), 'utf8');
    expect(page).toMatch(/<h2 id="warnings">\d+ warnings?<\/h2>/);
    expect(page).toMatch(EMPTY);
    expect((await command(['report', recipe, '--artifacts-dir', runs])).output).toMatch(EMPTY);
  });

  it('end the summary of an action, of one that has nothing to do, too', async () => {
    const inputs = { recipe, 'artifacts-dir': runs };
    for (const [action, named, text] of [
      ['prepare-dataset', { dataset: 'feedback-collection' }, EMPTY],
      ['sft-train', { expert: 'absolute' }, /learning/],
    ] as const) {
      const { code, files } = await runAction(action, { ...inputs, ...named });
      expect(code).toBe(0);
      expect(files.summary).toMatch(/^### .*: up to date\n/);
      const [, end = ''] = files.summary.split(/\n### \d+ warnings?\n/);
      expect(end).toMatch(text);
      expect(
        end
          .trim()
          .split('\n')
          .every((line) => line.startsWith('- ')),
      ).toBe(true);
    }
  });
});
