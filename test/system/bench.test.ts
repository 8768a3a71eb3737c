import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { writeFeedbackFile } from '../bench/feedback-file.ts';
import { measureProcess, ratiosOf, spreadOf } from '../bench/measure.ts';
import { formatMergeReport, type MergeReport } from '../bench/merge-report.ts';
import { formatReport, type PrepareReport, reportOf } from '../bench/prepare-report.ts';
import { formatTrainReport, type TrainReport } from '../bench/train-report.ts';
import { PYTHON, temporaryFolder } from './command.ts';

const never = new AbortController().signal;

describe('npm run bench -- prepare', () => {
  const folder = temporaryFolder();

  it('measures all contenders, and finds that ours and the reference made the same data', () => {
    // Enough for a second thread, in the bundle too.
    const args = ['--rows', '6000', '--rounds', '1', '--dir', folder, '--json'];
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['run', '--silent', 'bench', '--', 'prepare', ...args],
      {
        cwd: PROJECT_ROOT,
        encoding: 'utf8',
      },
    );
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as PrepareReport;
    expect(report.data.equal).toBe(true);
    expect(report.data.reference).toMatchObject({ train: { rows: 5940 }, test: { rows: 60 } });
    const { diskFloor, ours, reference, oursOnTenth } = report.runs;
    for (const [run, ...others] of [diskFloor, ours, reference, oursOnTenth]) {
      expect(others).toEqual([]);
      expect(run?.wallSeconds).toBeGreaterThan(0.01);
      expect(run?.cpuSeconds).toBeGreaterThan(0.01);
      expect(run?.peakBytes).toBeGreaterThan(20e6);
    }
    expect(report.ratios.referenceToOursMemory.median).toBe(
      (reference[0]?.peakBytes ?? 0) / (ours[0]?.peakBytes ?? 0),
    );
    expect(report.bytes.output).toBeGreaterThan(report.bytes.source);
    expect(formatReport(report)).toContain('The same data: 5,940 rows');

    const other = { ...report.data.reference, test: { rows: 60, sha256: 'other' } };
    const differing = reportOf(report, { ours: report.data.ours, reference: other }, report.versions, 0);
    expect(differing.data.equal).toBe(false);
    expect(formatReport(differing)).toContain('DIFFERENT DATA');
  });

  it('names what it does not know', () => {
    const { status, stderr } = spawnSync(
      'npm',
      ['run', '--silent', 'bench', '--', 'prepare', '--row', '300'],
      {
        cwd: PROJECT_ROOT,
        encoding: 'utf8',
      },
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: Unknown option '--row'/);
  });

  it('writes the same source each time: rows of 7 kB, five an instruction', async () => {
    const files = ['one.json', 'two.json'].map((name) => path.join(folder, name));
    for (const file of files) await writeFeedbackFile(file, 500);
    const [one, two] = files.map((file) => createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(one).toBe(two);
    const text = readFileSync(files[0] as string, 'utf8');
    const rows = JSON.parse(text) as Record<string, string>[];
    expect(rows).toHaveLength(500);
    expect(text.length / 500).toBeGreaterThan(6700);
    expect(text.length / 500).toBeLessThan(7300);
    expect(text).toMatch(/[^\x00-\x7f]/);
    expect(new Set(rows.map((row) => row.orig_instruction)).size).toBe(100);
    expect(rows.slice(0, 5).map((row) => row.orig_score)).toEqual(['1', '2', '3', '4', '5']);
  });
});

describe('npm run bench -- train', () => {
  const bench = (...args: string[]) =>
    spawnSync('npm', ['run', '--silent', 'bench', '--', 'train', ...args], {
      cwd: PROJECT_ROOT,
      encoding: 'utf8',
    });

  it('trains the same rows in every way, and the losses agree', () => {
    const small = ['--shape', 'smoke', '--steps', '4', '--batch', '4', '--dir', temporaryFolder()];
    const { status, stdout, stderr } = bench(...small, '--contenders', 'upstream,fast', '--json');
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as TrainReport;
    const { upstream, fast } = report.runs;
    expect(upstream?.losses).toHaveLength(4);
    for (const [step, loss] of (upstream?.losses ?? []).entries())
      expect(fast?.losses[step]).toBeCloseTo(loss, 2); // weights in bfloat16
    expect(fast?.tokens).toBe(upstream?.tokens);
    expect(fast?.tokens).toBeGreaterThan(4 * 60);
    expect(upstream?.tokens_per_second).toBeGreaterThan(1);
    expect(formatTrainReport(report)).toMatch(/upstream-like +[\d,]+ +1\.00/);
  });

  it('says that it needs a GPU', (context) => {
    if (spawnSync('nvidia-smi').status === 0) context.skip('there is a GPU here');
    const { status, stderr } = bench();
    expect(status).toBe(2);
    expect(stderr).toMatch(/error: the shape 7b needs an NVIDIA GPU/);
  });
});

describe('test/bench/memory.py', () => {
  it('trains each configuration by itself and tells its peak', () => {
    const args = ['--shape', 'smoke', '--dir', temporaryFolder(), 'fast-4096', '3b-zero3-1x4096'];
    const script = path.join(PROJECT_ROOT, 'test/bench/memory.py');
    const { status, stdout, stderr } = spawnSync(PYTHON, [script, ...args], {
      encoding: 'utf8',
      env: { ...process.env, CUDA_VISIBLE_DEVICES: '' },
    });
    expect(status, stderr).toBe(0);
    const [fast, zero3, ...others] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(others).toEqual([]);
    // 3 steps of 2 × 4 rows of 128 tokens.
    expect(fast).toMatchObject({ configuration: 'fast-4096', tokens: 3 * 8 * 128 });
    expect(fast?.peak_allocated_bytes).toBeGreaterThan(100e6);
    expect(zero3).toMatchObject({ skipped: 'it needs 1 GPU, and there are 0' });
  });
});

describe('npm run bench -- merge', () => {
  it('measures each part on models that are small', () => {
    const small = ['--shape', 'smoke', '--rounds', '1', '--dir', temporaryFolder()];
    const some = ['--methods', 'linear,ties', '--mergekit', 'none'];
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['run', '--silent', 'bench', '--', 'merge', ...small, ...some, '--json'],
      { cwd: PROJECT_ROOT, encoding: 'utf8' },
    );
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as MergeReport;
    for (const name of ['floor of 2, threads: 1', 'floor of 3, threads: 1', 'ours ties', 'naive loop linear'])
      expect(report.runs[name]).toHaveLength(1);
    expect(report.memory).toHaveLength(1);
    for (const { onePass, twoSteps } of report.adapters) {
      expect(onePass.read + onePass.written).toBeLessThan(0.3 * (twoSteps.read + twoSteps.written));
      // The headers too, and what Python reads of its own packages, but not the models again.
      expect(onePass.systemRead).toBeGreaterThanOrEqual(onePass.read);
      expect(onePass.systemRead).toBeLessThan(onePass.read + 60e6);
    }
    expect(formatMergeReport(report)).toMatch(/ours ties \/ floor +\d/);
  });
});

describe('measuring a process', () => {
  it('tells wall and CPU seconds apart, and the peak of memory that was given back', async () => {
    const script =
      'import time\ndata = bytearray(200_000_000)\ndata[::4096] = bytes(len(data[::4096]))\ndel data\ntime.sleep(0.5)\n' +
      'end = time.process_time() + 0.3\nwhile time.process_time() < end: pass';
    const { wallSeconds, cpuSeconds, peakBytes } = await measureProcess(
      PYTHON,
      [PYTHON, '-c', script],
      never,
    );
    expect(wallSeconds).toBeGreaterThan(0.8);
    expect(cpuSeconds).toBeGreaterThan(0.3);
    expect(cpuSeconds).toBeLessThan(wallSeconds - 0.3);
    expect(peakBytes).toBeGreaterThan(200e6);
    expect(peakBytes).toBeLessThan(250e6);
  });

  it('says what a command printed that failed', async () => {
    const failing = measureProcess(PYTHON, [PYTHON, '-c', 'raise SystemExit("no such thing")'], never);
    await expect(failing).rejects.toThrow(/ended with code 1\nno such thing/);
  });

  it('ends the command when it is told to', async () => {
    const started = Date.now();
    const sleeping = measureProcess(
      PYTHON,
      [PYTHON, '-c', 'import time; time.sleep(60)'],
      AbortSignal.timeout(500),
    );
    await expect(sleeping).rejects.toThrow(/timeout/);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('relates pairs, not medians', () => {
    expect(spreadOf([3, 1, 2, 10])).toEqual({ min: 1, median: 2.5, max: 10 });
    expect(
      ratiosOf([
        [2, 1],
        [9, 3],
        [40, 10],
      ]),
    ).toEqual({ min: 2, median: 3, max: 4 });
  });
});
