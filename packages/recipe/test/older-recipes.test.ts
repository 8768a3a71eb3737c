import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkLocation, type Diagnostic, fixFiles, readTrainingFile } from '../src/index.ts';
import { OLDER_KEYS } from '../src/older-keys.ts';
import { isTrainerKey } from '../src/training-arguments.ts';
import { HANDBOOK_RECIPES } from './handbook-recipes.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'older-'));
const FIXED = ['renamed-key', 'removed-key'];
const EXPLAINED = [...FIXED, 'decided-elsewhere', 'excluded-by-profile'];

function write(name: string, text: string): string {
  const file = path.join(folder, `${name.replaceAll(' ', '-')}.yaml`);
  writeFileSync(file, text);
  return file;
}

function argumentsOf(file: string) {
  const diagnostics: Diagnostic[] = [];
  return readTrainingFile(file, diagnostics, ({ message }) => {
    throw new Error(message);
  })?.section.arguments;
}

describe.each(Object.entries(HANDBOOK_RECIPES))("alignment-handbook's %s", (name, text) => {
  it('is accepted by itself, with notices only', () => {
    const { kind, diagnostics } = checkLocation(write(name, text));
    expect(kind).toBe('training');
    expect(diagnostics.filter(({ severity }) => severity !== 'notice')).toEqual([]);
    expect(diagnostics.length).toBeGreaterThan(5);
    expect(
      [...new Set(diagnostics.map(({ code }) => code))].filter((code) => !EXPLAINED.includes(code)),
    ).toEqual(text.includes('save_strategy: "no"') ? ['no-checkpoints'] : []);
  });

  it('means the same after it is fixed, and no key is an older one', () => {
    const file = write(`fixed ${name}`, text);
    const before = argumentsOf(file);
    expect(fixFiles(checkLocation(file).diagnostics)).toEqual([file]);
    expect(argumentsOf(file)).toEqual(before);
    const { diagnostics } = checkLocation(file);
    expect(diagnostics.filter(({ code }) => FIXED.includes(code))).toEqual([]);
    expect(fixFiles(diagnostics)).toEqual([]);
  });

  it('keeps its comments and the order of what stays', () => {
    const file = write(`ordered ${name}`, text);
    fixFiles(checkLocation(file).diagnostics);
    const after = readFileSync(file, 'utf8');
    const comments = (yaml: string) => yaml.split('\n').filter((line) => line.startsWith('#'));
    expect(comments(after)).toEqual(comments(text));
    const kept = Object.keys(parse(after) as object);
    const was = Object.keys(parse(text) as object).map((key) => {
      const older = OLDER_KEYS[key];
      return older?.became === 'another' ? older.key : key;
    });
    expect(kept).toEqual(was.filter((key) => kept.includes(key)));
  });
});

describe('an older key', () => {
  it.each(Object.entries(OLDER_KEYS))('%s is none of today, and became one', (key, older) => {
    // Of today's keys only those are here that a recipe says elsewhere.
    expect(isTrainerKey(key) && older.became !== 'elsewhere').toBe(false);
    if (older.became === 'another') expect(isTrainerKey(older.key)).toBe(true);
  });

  it.each([
    ['adafactor: true', 'optim', 'adafactor'],
    ['evaluation_strategy: epoch', 'eval_strategy', 'epoch'],
    [
      'gradient_checkpointing_use_reentrant: false',
      'gradient_checkpointing_kwargs',
      { use_reentrant: false },
    ],
    ['max_seq_length: 512', 'max_length', 512],
    ['no_cuda: true', 'use_cpu', true],
    ['optim: adamw_hf', 'optim', 'adamw_torch'],
    ['per_gpu_train_batch_size: 4', 'per_device_train_batch_size', 4],
    ['torch_dtype: bfloat16', 'dtype', 'bfloat16'],
    ['use_flash_attention_2: true', 'attn_implementation', 'flash_attention_2'],
    ['warmup_ratio: 0.2', 'warmup_steps', 0.2],
  ])('%s means what it is called today', (line, key, value) => {
    expect(argumentsOf(write('one', `${line}\n`))).toEqual({ [key]: value });
  });

  it.each(['use_flash_attention_2: false', 'group_by_length: false', 'adafactor: false'])(
    '%s asks for nothing, and may go',
    (line) => {
      const file = write('nothing', `seed: 1\n${line} # a comment\n# another\nbf16: true\n`);
      expect(argumentsOf(file)).toEqual({ seed: 1, bf16: true });
      fixFiles(checkLocation(file).diagnostics);
      expect(readFileSync(file, 'utf8')).toBe('seed: 1\n# another\nbf16: true\n');
    },
  );

  it('does not count beside the key of today', () => {
    const file = write('both', 'warmup_ratio: 0.5\nwarmup_steps: 0.1\n');
    expect(argumentsOf(file)).toEqual({ warmup_steps: 0.1 });
    fixFiles(checkLocation(file).diagnostics);
    expect(readFileSync(file, 'utf8')).toBe('warmup_steps: 0.1\n');
  });

  it.each([
    ['a list at the end', 'seed: 1\nmp_parameters:\n- a\n- b', 'seed: 1\n'],
    [
      'a list that others follow',
      'mp_parameters:\n  - a # one\n  - b\n\n# seeds\nseed: 1\n',
      '\n# seeds\nseed: 1\n',
    ],
    ['line breaks of Windows', 'seed: 1\r\nlogging_dir: x\r\nbf16: true\r\n', 'seed: 1\r\nbf16: true\r\n'],
    ['nothing behind its colon', 'logging_dir:\nseed: 1\n', 'seed: 1\n'],
    ['a text over lines', 'logging_dir: >-\n  a\n  b\nseed: 1\n', 'seed: 1\n'],
    ['a name in quotes', '"warmup_ratio": 0.1 # a tenth\n', 'warmup_steps: 0.1 # a tenth\n'],
    [
      'braces, where the commas stay',
      '{ warmup_ratio: 0.1, logging_dir: x, seed: 1 }\n',
      '{ warmup_steps: 0.1, logging_dir: x, seed: 1 }\n',
    ],
  ])('is fixed with %s', (_what, text, after) => {
    const file = write('places', text);
    fixFiles(checkLocation(file).diagnostics);
    expect(readFileSync(file, 'utf8')).toBe(after);
  });
});
