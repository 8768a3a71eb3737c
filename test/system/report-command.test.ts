import { cpSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { command, temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'smoke-7b');
const runs = path.join(folder, 'runs');
const page = path.join(runs, 'report/report.html');
cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });

describe('the report of a run', () => {
  it('is there where the run failed, too', async () => {
    const { code, output } = await command(['replicate', recipe, '--artifacts-dir', runs], {
      PROMETHEUS_PYTHON: path.join(folder, 'no-python'),
    });
    expect(code).not.toBe(0);
    expect(output).toContain(`The report is in ${page}`);
    expect(readFileSync(page, 'utf8')).toContain('Not complete: 0 of 6 stages done');
  });

  it('is made again by a command, wherever it is wanted', async () => {
    const data = ['--recipe', recipe, '--artifacts-dir', runs, '--dataset', 'feedback-collection'];
    expect((await command(['prepare-dataset', ...data])).code).toBe(0);
    const output = path.join(folder, 'elsewhere/run.html');
    const reported = await command(['report', recipe, '--artifacts-dir', runs, '--output', output]);
    expect(reported.code).toBe(0);
    expect(reported.output).toContain('smoke-7b: not complete, 1 of 6 stages done');
    expect(reported.output).toMatch(/^prepare-dataset\/feedback-collection +whole /m);
    expect(reported.output).toContain('sft-train/absolute is not there.');
    expect(reported.output.trimEnd()).toMatch(new RegExp(`The report is in ${output}$`));
    expect(existsSync(output)).toBe(true);
  });

  it('is JSON where that is asked for', async () => {
    const { code, output } = await command(['report', recipe, '--artifacts-dir', runs, '--json', '--quiet']);
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ report_version: 1, recipe: 'smoke-7b', complete: false });
  });
});
