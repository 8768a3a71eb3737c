import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Diagnostic, readTrainingFile } from '../src/index.ts';

const file = path.join(mkdtempSync(path.join(tmpdir(), 'training-')), 'expert.yaml');

function read(text: string) {
  writeFileSync(file, text);
  const diagnostics: Diagnostic[] = [];
  const training = readTrainingFile(file, diagnostics, ({ message }) => {
    throw new Error(message);
  });
  return { section: training?.section, diagnostics };
}

describe('stop_on', () => {
  it('names the losses that end a run, none where nothing is said', () => {
    expect(read('stop_on: [nan, spike]\n').section).toMatchObject({
      stopOn: ['nan', 'spike'],
      arguments: {},
    });
    expect(read('seed: 1\n').section?.stopOn).toEqual([]);
  });

  it.each([
    ['stop_on: nan', 'stop_on: expected a list: [nan] or [nan, spike]'],
    ['stop_on: [nan, spikes]', 'stop_on.1: expected nan or spike'],
  ])('%s is refused', (line, message) => {
    expect(read(`seed: 1\n${line}\n`).diagnostics).toMatchObject([{ severity: 'error', line: 2, message }]);
  });
});

describe('time limits', () => {
  it('are no arguments of TRL, and may be fractions', () => {
    const { section, diagnostics } = read('save_minutes: 20\nmax_minutes: 350.5\nlearning_rate: 1.0e-5\n');
    expect(diagnostics).toEqual([]);
    expect(section).toMatchObject({ saveMinutes: 20, maxMinutes: 350.5 });
    expect(section?.arguments).toEqual({ learning_rate: 1e-5 });
  });

  it('are none where nothing is said', () => {
    expect(read('seed: 1\n').section).toMatchObject({ saveMinutes: undefined, maxMinutes: undefined });
  });

  it.each([
    ['max_incomplete_share: 2', 'max_incomplete_share: expected a number from 0 to 1'],
    ['save_minutes: 0', 'save_minutes: expected minutes above 0'],
    ['max_minutes: -1', 'max_minutes: expected minutes above 0'],
    ['max_minutes: .inf', 'max_minutes: expected a number of minutes'],
    ['max_minutes: 6h', 'max_minutes: expected a number of minutes'],
    ['max_minute: 350', 'unknown key max_minute'],
  ])('%s is refused', (line, message) => {
    const { section, diagnostics } = read(`seed: 1\n${line}\n`);
    expect(section).toBeUndefined();
    expect(diagnostics).toMatchObject([{ severity: 'error', line: 2 }]);
    expect(diagnostics[0]?.message).toContain(message);
  });
});

describe('what a profile excludes', () => {
  it.each(['packing: true', 'loss_type: dft', 'trust_remote_code: true'])(
    '%s is refused where the profile is stated',
    (line) => {
      expect(read(`profile: parity\n${line}\n`).diagnostics).toMatchObject([
        { code: 'excluded-by-profile', severity: 'error', line: 2 },
      ]);
    },
  );

  it('is left out, with a notice, of a file that knows nothing of profiles', () => {
    const { section, diagnostics } = read('packing: true\nuse_liger_kernel: true\nseed: 1\n');
    expect(section?.arguments).toEqual({ seed: 1 });
    expect(diagnostics.map(({ severity, code }) => [severity, code])).toEqual([
      ['notice', 'excluded-by-profile'],
      ['notice', 'excluded-by-profile'],
    ]);
  });

  it('differs from profile to profile', () => {
    expect(read('profile: parity\ntorch_compile: true\nloss_type: chunked_nll\n').diagnostics).toEqual([]);
    expect(read('profile: fast\ntorch_compile: true\nloss_type: chunked_nll\n').diagnostics).toMatchObject([
      { code: 'excluded-by-profile', line: 2 },
      { code: 'excluded-by-profile', line: 3 },
    ]);
  });
});
