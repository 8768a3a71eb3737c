import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { command, contents, PYTHON, temporaryFolder } from './command.ts';
import { smokeRecipe } from './smoke-recipe.ts';

const folder = temporaryFolder();
const runs = path.join(folder, 'runs');
const expert = path.join(runs, 'experts/absolute');
const jobFile = `${expert}.job.json`;
const recipes = {
  own: smokeRecipe(path.join(folder, 'own'), '{ config: cpu, processes: 2, launcher: none }'),
  local: smokeRecipe(path.join(folder, 'local'), '{ config: cpu, processes: 2 }'),
};
const train = (recipe: keyof typeof recipes, artifacts = runs) =>
  command([
    ...['sft-train', '--recipe', recipes[recipe], '--expert', 'absolute', '--artifacts-dir', artifacts],
  ]);

/** What a user types who starts the processes with torchrun. */
function torchrun(processes: number) {
  const training = ['-m', 'prometheus_trainer.sft_train', '--job', jobFile];
  return runCommand(
    PYTHON,
    ['-m', 'torch.distributed.run', '--nproc-per-node', String(processes), ...training],
    { env: { PYTHONPATH: path.join(PROJECT_ROOT, 'packages/trainer/src') } },
  );
}

beforeAll(async () => {
  const prepare = ['prepare-dataset', '--recipe', recipes.own, '--dataset', 'feedback-collection'];
  expect((await command([...prepare, '--artifacts-dir', runs])).code).toBe(0);
});

describe("a training with a launcher of one's own", () => {
  it('is made ready, and says how it is started', async () => {
    const { code, output } = await train('own');
    expect(output).toContain(`--nproc-per-node 2 -m prometheus_trainer.sft_train --job ${jobFile}`);
    expect(output).toMatch(/sft-train absolute: stopped/);
    expect(code).toBe(0);
    expect(existsSync(expert)).toBe(false);
  });

  it('is refused with another number of processes, and that is told when the stage runs again', async () => {
    const { exitCode, stderr } = await torchrun(1);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/1 processes were launched \(WORLD_SIZE\), and the job is made for 2/);
    expect((await train('own')).output).toMatch(/ended with an error: 1 processes were launched/);
  });

  it('is published by the stage once it is done, with the weights that the local launcher makes', async () => {
    // As a process of the training warns, which no stage of ours sees run.
    const { events } = JSON.parse(readFileSync(jobFile, 'utf8'));
    appendFileSync(events, '{"event": "warning", "message": "a node is slow"}\n');
    const { exitCode, stderr } = await torchrun(2);
    expect(exitCode, stderr).toBe(0);
    expect(existsSync(expert)).toBe(false);
    const { code, output } = await train('own');
    expect(output).toMatch(/\n\d warnings?\n(?: {2}.*\n)* {2}sft-train absolute: a node is slow\n/);
    expect(output).toMatch(/sft-train absolute: done, 8 steps/);
    expect(code).toBe(0);
    expect(existsSync(jobFile)).toBe(false);
    const manifest = JSON.parse(readFileSync(path.join(expert, 'stage-manifest.json'), 'utf8'));
    expect(manifest.metrics.steps).toBe(8);
    expect(manifest.warnings).toContain('a node is slow');

    expect((await train('local')).output).toMatch(/sft-train absolute: up to date/);
    const other = path.join(folder, 'other');
    const prepare = ['prepare-dataset', '--recipe', recipes.local, '--dataset', 'feedback-collection'];
    await command([...prepare, '--artifacts-dir', other]);
    expect((await train('local', other)).code).toBe(0);
    expect(await contents(path.join(other, 'experts/absolute'))).toEqual(await contents(expert));
  });
});
