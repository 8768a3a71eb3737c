import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, contents, temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const recipe = path.join(folder, 'smoke-7b');
const config = path.join(recipe, 'absolute.yaml');
const expert = (runs: string) => path.join(folder, runs, 'experts/absolute');
const train = (runs: string) =>
  command([
    ...['sft-train', '--recipe', recipe, '--expert', 'absolute'],
    ...['--artifacts-dir', path.join(folder, runs)],
  ]);

function setLimits(limits: string): void {
  const original = readFileSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b/absolute.yaml'), 'utf8');
  writeFileSync(
    config,
    `${original.replace('logging_steps: 2', 'logging_steps: 1').replace('max_steps: 20', 'max_steps: 4')}${limits}`,
  );
}

/** Runs the action as a runner does; what it set as outputs, and wrote as the job's summary. */
async function trainByAction(
  runs: string,
): Promise<{ exitCode: number | null; outputs: string; summary: string }> {
  const [outputFile, summaryFile] = [path.join(folder, 'github-output'), path.join(folder, 'summary')];
  for (const file of [outputFile, summaryFile]) writeFileSync(file, '');
  const { exitCode } = await runCommand('env', [
    `GITHUB_OUTPUT=${outputFile}`,
    `GITHUB_STEP_SUMMARY=${summaryFile}`,
    `INPUT_RECIPE=${recipe}`,
    'INPUT_EXPERT=absolute',
    `INPUT_ARTIFACTS-DIR=${path.join(folder, runs)}`,
    process.execPath,
    path.join(PROJECT_ROOT, 'actions/sft-train/src/main.ts'),
  ]);
  return {
    exitCode,
    outputs: readFileSync(outputFile, 'utf8'),
    summary: readFileSync(summaryFile, 'utf8'),
  };
}

beforeAll(async () => {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), recipe, { recursive: true });
  setLimits('');
  const prepare = ['prepare-dataset', '--recipe', recipe, '--dataset', 'feedback-collection'];
  expect((await command([...prepare, '--artifacts-dir', path.join(folder, 'whole')])).code).toBe(0);
  cpSync(path.join(folder, 'whole'), path.join(folder, 'parts'), {
    recursive: true,
    preserveTimestamps: true,
  });
  expect((await train('whole')).code).toBe(0);
});

describe('a training whose time is over', () => {
  it('is stopped, no failure, and goes on under another limit, as the action too', async () => {
    setLimits('max_minutes: 0.001\n');
    const first = await train('parts');
    expect(first.output).toMatch(/max_minutes: 0\.001\): it stops at step 1 of 4/);
    expect(first.output).toMatch(/sft-train absolute: stopped/);
    expect(first.code).toBe(0);
    setLimits('max_minutes: 0.002\nsave_minutes: 5\n');
    const { exitCode, outputs, summary } = await trainByAction('parts');
    expect(exitCode).toBe(0);
    expect(outputs).toMatch(/^finished<<.*\nfalse\n[\s\S]*^finished<<.*\nfalse\n/m);
    expect(summary).toMatch(
      /### sft-train: stopped\n[\s\S]*```mermaid\nxychart-beta\n[\s\S]* x-axis "step" 1 --> 2\n/,
    );
    expect(existsSync(expert('parts'))).toBe(false);
    setLimits('');
    const last = await train('parts');
    expect(last.output).toMatch(/going on from the checkpoint of step 2/);
    expect(last.code).toBe(0);
    expect(await contents(expert('parts'))).toEqual(await contents(expert('whole')));
  });

  it('leaves its whole loss curve beside the output, as one that was not stopped', () => {
    for (const file of ['.training-log.json', '.loss.svg']) {
      const [parts, whole] = ['parts', 'whole'].map((runs) => readFileSync(`${expert(runs)}${file}`, 'utf8'));
      expect(parts).toBe(whole);
    }
    const log = JSON.parse(readFileSync(`${expert('parts')}.training-log.json`, 'utf8'));
    expect(log.train.map(({ step }: { step: number }) => step)).toEqual([1, 2, 3, 4]);
    expect(readFileSync(`${expert('parts')}.loss.svg`, 'utf8')).toContain('sft-train absolute: loss');
  });

  it('is up to date for any limits once it is whole', async () => {
    setLimits('max_minutes: 0.001\nsave_minutes: 0.001\n');
    expect((await train('parts')).output).toMatch(/sft-train absolute: up to date/);
  });
});
