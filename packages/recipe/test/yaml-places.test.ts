import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkLocation, fixFiles, formatWithSource } from '../src/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'places-'));
const file = path.join(folder, 'training.yaml');
const MARK = '\ufeff';

function check(content: string | Buffer) {
  writeFileSync(file, content);
  return checkLocation(file).diagnostics;
}

/** Line and column of § in a text, which is checked without it. */
function checkMarked(marked: string) {
  const lines = marked.slice(0, marked.indexOf('§')).split('\n');
  const place = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
  return { found: check(marked.replace('§', '')), place };
}

describe('a finding about a value that is merged in', () => {
  it.each([
    ['of a mapping', 'learning_rate: 1.0e-5\n<<: { lora_r: §two, seed: 1 }\n'],
    ['of a list', '<<:\n  - { seed: 1 }\n  - { seed: 2, max_length: §long }\n'],
    ['that an own key hides', 'seed: 1\n<<: { seed: wrong, max_length: §long }\n'],
  ])('is where it is written: %s', (_name, text) => {
    const { found, place } = checkMarked(text);
    expect(found.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'wrong-type', ...place },
    ]);
  });

  it.each([
    ['a key that nothing reads', '<<: { §learnin_rate: 1.0e-5 }\n', 'unknown-key'],
    ['a key of older recipes', '<<: { §warmup_ratio: 0.1 }\n', 'renamed-key'],
  ])('stands at its key: %s', (_name, text, code) => {
    const { found, place } = checkMarked(text);
    expect(found).toMatchObject([{ code, ...place }]);
  });

  it('stands at the key where the alias is, for what the mapping lacks', () => {
    const dataset = path.join(folder, 'dataset.yaml');
    const lacking = '{ source: { files: dataset.yaml }, columns: { messages: m } }';
    writeFileSync(dataset, `one: &one ${lacking}\n\ntwo: *one\nthree:\n  <<: *one\n`);
    expect(checkLocation(dataset).diagnostics).toMatchObject(
      ['one', 'two', 'three'].map((name, place) => ({
        code: 'missing-key',
        message: expect.stringContaining(`${name}.split`),
        line: [1, 3, 4][place],
        column: 1,
      })),
    );
  });
});

describe('a fix', () => {
  const fixed = (text: string) => {
    fixFiles(check(text));
    return readFileSync(file, 'utf8');
  };

  it('leaves a byte order mark where it is, and what is beside the key', () => {
    expect(fixed(`${MARK}warmup_ratio: 0.1 # a tenth\nseed: 1\n`)).toBe(
      `${MARK}warmup_steps: 0.1 # a tenth\nseed: 1\n`,
    );
    expect(fixed(`${MARK}overwrite_output_dir: true\nseed: 1\n`)).toBe(`${MARK}seed: 1\n`);
  });

  it('does not touch what is merged in, or what an alias repeats', () => {
    const merged = '<<: { warmup_ratio: 0.1 }\nseed: 1\n';
    expect(fixed(merged)).toBe(merged);
    const repeated = 'overwrite_output_dir: &yes true\nbf16: *yes\n';
    expect(fixed(repeated)).toBe(repeated);
    expect(fixed('overwrite_output_dir: &yes true\nbf16: true\n')).toBe('bf16: true\n');
    expect(fixed('a: &a 0.1\nwarmup_ratio: *a\n')).toBe('a: &a 0.1\nwarmup_steps: *a\n');
  });
});

describe('the start of a file', () => {
  it('may be a byte order mark, which moves no place', () => {
    const [finding] = check(`${MARK}lerning_rate: 1.0e-5\nseed: 1\n`);
    expect(finding).toMatchObject({ code: 'unknown-key', line: 1, column: 1, endColumn: 13 });
    expect(formatWithSource(finding as NonNullable<typeof finding>)).toContain(
      '    1 | lerning_rate: 1.0e-5\n      | ^~~~~~~~~~~~\n',
    );
    expect(check(`${MARK}seed: 1\n`)).toEqual([]);
  });

  it.each([
    ['UTF-16', Buffer.from(`${MARK}seed: 1\n`, 'utf16le'), 'the file is in UTF-16: it starts with', 1],
    ['UTF-16 without a mark', Buffer.from('seed: 1\n', 'utf16le'), 'the file is in UTF-16, by the zero', 1],
    [
      'a pointer of Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
      'this is a pointer of Git LFS',
      1,
    ],
    ['another encoding', Buffer.from('seed: 1\nrun_name: é\n', 'latin1'), 'byte 0xe9 is not valid UTF-8', 2],
  ])('shows what is no UTF-8: %s', (_name, bytes, message, line) => {
    const found = check(bytes);
    expect(found).toMatchObject([{ severity: 'error', code: 'bad-value', file, line }]);
    expect(found[0]?.message).toContain(message);
    expect(found[0]?.hint).toBeTruthy();
  });
});
