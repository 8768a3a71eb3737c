import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Diagnostic, readYamlFile } from '../src/index.ts';
import { pyyamlValue } from '../src/pyyaml-scalars.ts';
import { askPython, requirePython } from './python.ts';

const file = path.join(mkdtempSync(path.join(tmpdir(), 'pyyaml-')), 'training.yaml');

function read(text: string, version: '1.1' | '1.2' = '1.2') {
  writeFileSync(file, text);
  const found: Diagnostic[] = [];
  const yaml = readYamlFile(file, found, { version });
  return { data: yaml?.data, found, others: yaml?.otherReadings() ?? [] };
}

/** Each document as PyYAML reads it; `null` where it refuses it. Dates and what JSON lacks become objects. */
const LOAD = `
import datetime, json, math, sys, yaml
def plain(value):
    if isinstance(value, datetime.date): return {"date": True}
    if isinstance(value, float) and not math.isfinite(value): return {"float": str(value)}
    if isinstance(value, dict): return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list): return [plain(v) for v in value]
    return value
def load(text):
    try: return {"value": plain(yaml.safe_load(text))}
    except (yaml.YAMLError, RecursionError): return None
print(json.dumps([load(text) for text in json.load(sys.stdin)]))
`;

function pyyaml(documents: readonly string[]): ({ value: unknown } | null)[] {
  return askPython(LOAD, documents) as ({ value: unknown } | null)[];
}

const MERGED: Record<string, string> = {
  'a mapping': 'a: 1\n<<: { b: 2 }\n',
  'a key of its own before it': 'a: 1\n<<: { a: 2, b: 2 }\n',
  'a key of its own behind it': '<<: { a: 2, b: 2 }\na: 1\n',
  'an anchor': 'x: &x { a: 1, b: { c: 2 } }\nv:\n  <<: *x\n  b: 3\n',
  'a list, of which the first counts': 'x: &x { a: 1 }\nv: &y { a: 2, b: 2 }\nz: { <<: [*x, *y] }\n',
  'a list of mappings': 'z:\n  <<:\n    - { a: 1 }\n    - { a: 2, b: 2 }\n  c: 3\n',
  'an empty list': 'a: 1\n<<: []\n',
  'an alias of a list': 'l: &l [{ a: 1 }, { a: 2, b: 3 }]\nz: { <<: *l }\n',
  'a merge within a merge': 'x: &x { a: 1, b: 1 }\nv: &y { <<: *x, b: 2 }\nz: { <<: *y, c: 3 }\n',
  'a list of merges':
    'w: &w { d: 0, a: 9 }\nx: &x { <<: *w, a: 1 }\nv: &y { a: 2, d: 2 }\nz: { <<: [*x, *y] }\n',
  'no depth: an inner mapping is replaced': 'x: &x { a: { b: 1, c: 1 } }\nv: { <<: *x, a: { b: 2 } }\n',
  'quotes, which make it a key': 'a: 1\n"<<": { b: 2 }\n',
  'an alias of a value': 'a: &a 0.1\nb: *a\nc: &c [1, 2]\nd: *c\n',
};

const REFUSED: Record<string, [string, string]> = {
  'an anchor that is set again': ['x: &x { a: 1 }\nv: &x { a: 2 }\nz: { <<: *x }\n', '{ a: 2'],
  'a number': ['a: 1\n<<: 5\n', '5'],
  nothing: ['<<: ~\na: 1\n', '~'],
  'a list of texts': ['a: 1\n<<: [b]\n', 'b'],
  'an alias of a number': ['x: &x 1\nv: { <<: *x }\n', '*x'],
  'a tag that nobody knows': ['a: !judge 1\n', '!judge'],
};

describe('merge keys and anchors', () => {
  it.for(['1.2', '1.1'] as const)('are read as PyYAML reads them, in YAML %s', (version, context) => {
    requirePython(context);
    const theirs = pyyaml(Object.values(MERGED));
    for (const [index, [name, text]] of Object.entries(MERGED).entries()) {
      const { data, found } = read(text, version);
      expect(found, name).toEqual([]);
      expect({ value: data }, name).toEqual(theirs[index]);
    }
  });

  it('are refused with their place where PyYAML refuses them', (context) => {
    requirePython(context);
    const theirs = pyyaml(Object.values(REFUSED).map(([text]) => text));
    for (const [index, [name, [text, at]]] of Object.entries(REFUSED).entries()) {
      expect(theirs[index], name).toBeNull();
      const { data, found } = read(text);
      const lines = text.slice(0, text.lastIndexOf(at)).split('\n');
      expect(data, name).toBeUndefined();
      expect(found, name).toMatchObject([
        { severity: 'error', line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 },
      ]);
      expect(found[0]?.hint, name).toBeTruthy();
    }
  });

  it('are refused where there are two, of which readers take different ones', () => {
    const { found } = read('x: &x { a: 1 }\nv: &y { a: 2 }\nz:\n  <<: *x\n  <<: *y\n');
    expect(found).toMatchObject([{ code: 'duplicate-key', line: 5, column: 3 }]);
  });

  it('are refused where a mapping takes in itself', () => {
    const { found } = read('a: &a\n  b: 1\n  <<: *a\n');
    expect(found).toMatchObject([
      { code: 'yaml-syntax', line: 3, column: 3, message: expect.stringContaining('takes in the mapping') },
    ]);
  });

  it('that repeat each other without end are refused at once', () => {
    const levels = Array.from({ length: 14 }, (_, level) => {
      const repeated =
        level === 0
          ? '{ a: 1 }'
          : Array(10)
              .fill(`*l${level - 1}`)
              .join(', ');
      return `l${level}: &l${level} { <<: [${repeated}] }`;
    });
    const { data, found } = read(`${levels.join('\n')}\n`);
    expect(data).toBeUndefined();
    expect(found).toMatchObject([
      { code: 'yaml-syntax', message: expect.stringContaining('repeat so much') },
    ]);
  });
});

const SCALARS = [
  ...['0', '-0', '7', '+7', '017', '-017', '08', '0o17', '0x1F', '-0x1F', '0xfg', '0b101', '1_000', '1_0.5'],
  ...['1e5', '1e-5', '1.0e5', '1.0e-5', '1.e+3', '.5', '-.5', '+.5', '5.', '1.5e+3', '1E5', '12e03', '1_e3'],
  ...['.inf', '-.Inf', '.nan', '.NaN', 'nan', 'inf', '1:30', '190:20:30', '-1:30', '1:30.5', '1:99', '01:30'],
  ...[
    'yes',
    'No',
    'ON',
    'off',
    'y',
    'N',
    'true',
    'False',
    'TRUE',
    'tRue',
    '~',
    'null',
    'Null',
    'none',
    'nULL',
  ],
  ...['2024-01-01', '2024-1-1', '2024-01-01 10:00:00', '2024-01-01T10:00:00Z', '2024-01-01t1:00:00.5 +01:00'],
  ...['all-linear', '1.2.3', '1,000', '12 GB', '0.1%', '9007199254740993', '<', 'a'],
];

describe('plain values', () => {
  const theirs = () => pyyaml(SCALARS.map((text) => `a: ${text}\n`)).map(plainOf);
  const plainOf = (read: { value: unknown } | null) => (read?.value as { a: unknown } | undefined)?.a;
  const asJson = (value: unknown) => {
    if (value instanceof Date) return { date: true };
    if (typeof value !== 'number' || Number.isFinite(value)) return value;
    return { float: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
  };

  it('are told as PyYAML reads them', (context) => {
    requirePython(context);
    const found = SCALARS.map((text) => [text, asJson(pyyamlValue(text))]);
    const read = theirs();
    const expected = SCALARS.map((text, i) => [text, text === '-0' ? -0 : read[i]]);
    expect(found).toEqual(expected);
  });

  it.for(['1.2', '1.1'] as const)(
    'are reported where PyYAML reads another value, and nowhere else: YAML %s',
    (version, context) => {
      requirePython(context);
      const read_ = theirs();
      for (const [i, text] of SCALARS.entries()) {
        const { data, others } = read(`a: ${text}\n`, version);
        const ours = asJson((data as { a: unknown }).a);
        // What TRL makes of a text that is a number: it reads values as a command line does.
        const same =
          JSON.stringify(ours) === JSON.stringify(read_[i]) ||
          (typeof ours === 'number' &&
            typeof read_[i] === 'string' &&
            Number(read_[i]) === ours &&
            !/o/.test(text)) ||
          (ours === 0 && read_[i] === 0);
        expect(
          others.map(({ code }) => code),
          `${text}: ${JSON.stringify([ours, read_[i]])}`,
        ).toEqual(same ? [] : ['yaml-version']);
      }
    },
  );

  it.each([
    ['seed: 017', 'warning', '017 is the number 17 here, and the number 15 to PyYAML', 'Write 17, or 15.'],
    ['seed: 0o17', 'warning', '0o17 is the number 15 here, and a text', 'Write 15, or "0o17" for a text.'],
    [
      'a: 1_000',
      'warning',
      '1_000 is a text here, and the number 1000',
      'Write 1000, or "1_000" for a text.',
    ],
    ['a: no', 'notice', 'no is a text here, and false', 'Write false, or "no" for a text.'],
    ['a: 12:30:00', 'warning', '12:30:00 is a text here, and the number 45000', 'Write 45000, or "12:30:00"'],
  ])('say what to write: %s', (text, severity, message, hint) => {
    const [finding, second] = read(`${text}\n`).others;
    expect(second).toBeUndefined();
    expect(finding).toMatchObject({ severity, line: 1, column: text.indexOf(':') + 3 });
    expect(finding?.message).toContain(message);
    expect(finding?.hint).toContain(hint);
  });
});
