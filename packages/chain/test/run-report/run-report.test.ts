import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makePlan } from '@prometheus-actions/recipe';
import { MANIFEST_FILE, type Manifest, PlainReporter, readManifest } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { trainingLogFile } from '../../src/loss-curve.ts';
import { planAgainstActual } from '../../src/run-report/report-tables.ts';
import { reportText } from '../../src/run-report/report-text.ts';
import { type RunReport, runReport } from '../../src/run-report/run-report.ts';
import { gpuHoursOf, gpusOf } from '../../src/run-report/training-cost.ts';
import { leaveReport, reportFile } from '../../src/run-report/write-report.ts';
import { type MadeRun, makeRun, outputOf, plannedRun, STEPS, writeTrainingLog } from './made-run.ts';

const states = ({ stages }: RunReport) => Object.fromEntries(stages.map(({ id, state }) => [id, state]));

describe('a run that is complete', () => {
  const run = plannedRun();
  let report: RunReport;

  beforeAll(async () => {
    await makeRun(run);
    report = await runReport(run);
  });

  it('lacks nothing', () => {
    expect(report.missing).toEqual([]);
    expect(report.complete).toBe(true);
    expect(new Set(Object.values(states(report)))).toEqual(new Set(['whole']));
    expect(report.totals).toMatchObject({ stages: 6, whole: 6, tokens: 130_000 });
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('sums what the manifests say', async () => {
    const manifests = await Promise.all(run.plan.stages.map(({ outputDir }) => readManifest(outputDir)));
    const seconds = manifests.map((manifest) => manifest?.timings.seconds ?? Number.NaN);
    const sizes = manifests.flatMap((manifest) => manifest?.outputs.map(({ size }) => size) ?? []);
    expect(report.totals.seconds).toBeCloseTo(seconds.reduce((sum, value) => sum + value));
    expect(report.totals.bytes).toBe(sizes.reduce((sum, value) => sum + value));
    expect(report.totals.started).toBe(manifests[0]?.timings.started);
    expect(report.totals.finished).toBe(manifests.at(-1)?.timings.finished);
  });

  it('has the chain of digests from the data to the judge', () => {
    const inputs = (id: string) => report.stages.find((stage) => stage.id === id)?.made?.inputs ?? [];
    const digestOf = (id: string) => report.stages.find((stage) => stage.id === id)?.made?.digest;
    expect(inputs('model-merge').map(({ stage, same }) => [stage, same])).toEqual([
      ['base-model', true],
      ['sft-train/absolute', true],
      ['sft-train/relative', true],
    ]);
    const [, data] = inputs('sft-train/absolute');
    expect(data).toMatchObject({
      stage: 'prepare-dataset/feedback-collection',
      digest: digestOf('prepare-dataset/feedback-collection'),
    });
    const [source] = inputs('prepare-dataset/feedback-collection');
    expect(source?.from).toBe(path.join(run.folder, 'smoke-7b/data/feedback.json'));
    expect(source).not.toHaveProperty('stage');
  });

  it('puts the plan beside what was measured', () => {
    const rows = planAgainstActual(report).rows;
    expect(rows.slice(0, 2)).toEqual([
      ['absolute', 'steps', '20', '20', '='],
      ['', 'tokens', expect.stringMatching(/^[\d,]+$/), '65,000', expect.stringMatching(/^[+−<][\d. ]+ %$/)],
    ]);
    // On a CPU the whole process is measured, not its tensors: both are told, and not compared.
    expect(rows[2]).toEqual(['', 'memory peak', expect.stringMatching(/B$/), '1.7 GB', '']);
    expect(report.totals).not.toHaveProperty('gpuHours');
  });

  it('has the losses, the data reports and the merge', () => {
    expect(report.experts.map(({ curve }) => curve?.train.length)).toEqual([STEPS / 2, STEPS / 2]);
    expect(report.datasets['feedback-collection']?.train.rows).toBe(304);
    expect(report.merge?.comparison?.pairs[0]?.distance).toBe(0.01234);
  });

  it('is told on a terminal without columns that say nothing', () => {
    const text = reportText(report);
    expect(text).toContain('smoke-7b: complete\nstages done: 6 of 6');
    expect(text).not.toContain('GPU-hours');
    expect(text).toMatch(/^sft-train\/absolute +whole /m);
  });

  it('is recognized where it was moved to', async () => {
    const other = path.join(run.folder, 'elsewhere');
    renameSync(run.plan.artifactsDir, other);
    const moved = await runReport({ recipe: run.recipe, plan: makePlan(run.recipe, other) });
    renameSync(other, run.plan.artifactsDir);
    expect(moved.complete).toBe(true);
    expect(moved.stages.at(-1)?.made?.inputs[1]).toMatchObject({ stage: 'sft-train/absolute', same: true });
  });
});

describe('a run that is not complete', () => {
  it('has a report before anything of it is there', async () => {
    const report = await runReport(plannedRun());
    expect(report.totals).toEqual({ stages: 6, whole: 0, seconds: 0, bytes: 0, tokens: 0 });
    expect(report.missing).toHaveLength(6);
    expect(report.missing[0]).toMatch(/^base-model is not there\. .*base\.log/);
    expect(reportText(report)).toContain('smoke-7b: not complete, 0 of 6 stages done');
  });

  it('says how far a training came that was stopped', async () => {
    const run = plannedRun();
    await makeRun(run, 4);
    writeTrainingLog(outputOf(run.plan, 'sft-train/relative'), 12);
    const report = await runReport(run);
    expect(states(report)).toMatchObject({
      'sft-train/absolute': 'whole',
      'sft-train/relative': 'unfinished',
      'model-merge': 'absent',
    });
    expect(report.missing[0]).toBe(
      'sft-train/relative has not finished: its log ends at step 12 of 20. Started again, the run goes on from its last checkpoint.',
    );
    expect(report.experts[1]?.curve?.train).toHaveLength(6);
    expect(report.experts[1]).not.toHaveProperty('actual');
  });

  it('says that a stage was made from another output than is there', async () => {
    const run = plannedRun();
    await makeRun(run);
    const data = path.join(run.folder, 'smoke-7b/data/feedback.json');
    writeFileSync(data, JSON.stringify((JSON.parse(readFileSync(data, 'utf8')) as unknown[]).slice(1)));
    await makeRun(run, 3);
    const { missing } = await runReport(run);
    expect(missing).toEqual([
      'sft-train/absolute was made from another output of prepare-dataset/feedback-collection than is there now (its input prepare-dataset/feedback-collection). Run it again.',
    ]);
  });

  it('says what is damaged, and what is to do after it', async () => {
    const run = plannedRun();
    await makeRun(run);
    rmSync(path.join(outputOf(run.plan, 'sft-train/absolute'), 'weights'));
    const { missing } = await runReport(run);
    expect(missing).toEqual([
      'sft-train/absolute is damaged: weights is missing. Run it again.',
      'model-merge is not what the recipe says now: sft-train/absolute to do. Run it again.',
    ]);
  });

  it('is reported without a log that is torn, and without the losses in it that are no numbers', async () => {
    const run = plannedRun();
    await makeRun(run, 5);
    writeFileSync(trainingLogFile(outputOf(run.plan, 'sft-train/absolute')), '{"train": [{"step": 2, "lo');
    const losses =
      '[{"step":1,"loss":3},{"step":2,"loss":1e999},{"step":3,"loss":"<b>"},{"step":4,"loss":2}]';
    writeFileSync(
      trainingLogFile(outputOf(run.plan, 'sft-train/relative')),
      `{"train":${losses},"evaluation":[]}`,
    );
    const { experts } = await runReport(run);
    expect(experts[0]).not.toHaveProperty('curve');
    expect(experts[1]?.curve?.train.map(({ loss }) => loss)).toEqual([3, 2]);
  });

  it('has a report when it is cancelled', async () => {
    const run = plannedRun();
    await makeRun(run, 1);
    const lines: string[] = [];
    await leaveReport(run, {
      reporter: new PlainReporter((line) => lines.push(line)),
      signal: AbortSignal.abort(),
    });
    expect(lines).toEqual([`The report is in ${reportFile(run.plan)}`]);
    expect(readFileSync(reportFile(run.plan), 'utf8')).toContain('Not complete: 1 of 6 stages done');
  });

  it('is not hidden by a report that cannot be written', async () => {
    const run = plannedRun();
    await makeRun(run, 1);
    writeFileSync(path.join(run.plan.artifactsDir, 'report'), 'a file where the folder should be');
    const lines: string[] = [];
    const reporter = new PlainReporter((line) => lines.push(line));
    await leaveReport(run, { reporter, signal: new AbortController().signal });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warning: no report of the run in /);
  });
});

describe('what a training on GPUs cost', () => {
  const trained = (metrics: Record<string, number | string>, processes = 8, seconds = 1800) =>
    ({
      stage: 'sft-train',
      settings: { processes, launch: { mixed_precision: 'bf16' } },
      timings: { seconds },
      metrics: { seconds: 900, ...metrics },
    }) as unknown as Manifest;

  it('is GPUs × hours, of earlier runs of it too', () => {
    expect(gpuHoursOf(trained({}))).toBe(4);
    expect(gpuHoursOf(trained({ seconds: 36_000 }))).toBe(80);
  });

  it('is not known where the number of processes changed', () => {
    expect(gpuHoursOf(trained({ processes: '8, then 4' }))).toBeUndefined();
  });

  it.each([
    ['NVIDIA H100 80GB HBM3', 'H100-80GB'],
    ['NVIDIA H100 PCIe', 'H100-PCIe'],
    ['NVIDIA H200', 'H200'],
    ['NVIDIA A100-SXM4-40GB', 'A100-40GB'],
    ['NVIDIA A100 80GB PCIe', 'A100-80GB'],
    ['NVIDIA L40S', 'L40S'],
    ['NVIDIA GeForce RTX 4090', 'RTX4090'],
    ['Tesla V100-SXM2-32GB', 'V100-32GB'],
  ])('is planned on the kind that CUDA calls %s', (gpu, name) => {
    expect(gpusOf(trained({ gpu }))).toMatchObject({ name, count: 8 });
  });

  it('is not planned on a kind that is not known', () => {
    expect(gpusOf(trained({ gpu: 'Anything 9000' }))).toBeUndefined();
  });

  it('stands beside the plan', async () => {
    const run = plannedRun();
    await makeRun(run);
    asOnGpu(run, 'sft-train/absolute');
    const report = await runReport(run);
    expect(report.experts[0]?.actual).toMatchObject({ device: 'GPU', gpuHours: 2, hours: 2 });
    expect(report.totals.gpuHours).toBe(2);
    const memory = planAgainstActual(report).rows.find((row) => row[1] === 'memory peak');
    expect(memory?.[4]).toMatch(/%$/);
  });
});

/** Lets a manifest say that its training took two hours on an H100. */
function asOnGpu({ plan }: MadeRun, id: string): void {
  const file = path.join(outputOf(plan, id), MANIFEST_FILE);
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  const { launch, ...settings } = manifest.settings as { launch: Record<string, unknown> };
  const { use_cpu: _, ...onGpu } = launch;
  Object.assign(manifest, {
    settings: { ...settings, launch: onGpu },
    timings: { ...manifest.timings, seconds: 7200 },
    metrics: { ...(manifest.metrics as object), gpu: 'NVIDIA H100 80GB HBM3' },
  });
  writeFileSync(file, JSON.stringify(manifest));
}
