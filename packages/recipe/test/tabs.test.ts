import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Diagnostic, readYamlFile } from '../src/index.ts';
import { askPython, requirePython } from './python.ts';

const file = path.join(mkdtempSync(path.join(tmpdir(), 'tabs-')), 'recipe.yaml');
const ACCEPTS = `
import json, sys, yaml
def accepts(text):
    try: yaml.safe_load(text)
    except yaml.YAMLError: return False
    return True
print(json.dumps([accepts(text) for text in json.load(sys.stdin)]))
`;
/** Each with one tab, or with several in one place. */
const DOCUMENTS = [
  ...['a:\t1\n', 'a: \t1\n', 'a: 1\t\n', 'a: 1\t# c\n', 'a: 1 \t# c\n', '\t\na: 1\n', 'a: 1\n\t\nb: 2\n'],
  ...['a: 1\n  \t\nb: 2\n', 'a: b\tc\n', 'a: "b\tc"\n', "a: 'b\tc'\n", 'a: |\n  x\ty\n', 'a: |\n  \tx\n'],
  ...['a: |\t\n  x\n', 'a: [1,\t2]\n', 'a: [1\t, 2]\n', 'a: {\tb: 1}\n', 'a: {b:\t1}\n', '- \ta\n', '-\ta\n'],
  ...['a\t: 1\n', '# c\tx\na: 1\n', 'a: 1 # x\ty\n', 'a: "x"\t\n', 'a: &x\t1\n', 'a: [\n 1\n\t]\n'],
  ...['a:\n  b: 1\n\t# c\n', 'a: x\n\ty\n', 'a: |\n x\n \t\n y\n', 'a: !!str\t1\n', 'a:\t|\n  x\n'],
  ...[
    'a: |\n  x\n# c\ty\nb: 1\n',
    'a: >-\n  x\ty\nb: x\ty\n',
    'a: |\n  x\nb: "y\tz"\nc: x\t\n',
    '\ufeffa: 1\t\n',
  ],
  ...['a: 1\r\nb:\t2\r\n', 'a: "\\t"\nb: \'x\n  y\tz\'\n', 'x:\n  - |\n    y\tz\n  - y\n'],
];

it('a tab is refused where PyYAML refuses it, at its place, and what else is wrong is told all the same', (context) => {
  requirePython(context);
  const accepted = askPython(ACCEPTS, DOCUMENTS) as boolean[];
  expect(new Set(accepted)).toEqual(new Set([true, false]));
  for (const [index, text] of DOCUMENTS.entries()) {
    writeFileSync(file, text);
    const found: Diagnostic[] = [];
    const yaml = readYamlFile(file, found);
    if (accepted[index]) {
      expect(found, JSON.stringify(text)).toEqual([]);
      continue;
    }
    expect(found, JSON.stringify(text)).toMatchObject([{ severity: 'error', code: 'yaml-syntax' }]);
    const [tab] = found;
    if (!tab?.message.startsWith('a tab between words')) continue;
    const line = text.replace('\ufeff', '').split(/\r?\n/)[tab.line - 1];
    expect(line?.[tab.column - 1], JSON.stringify(text)).toBe('\t');
    expect(yaml?.data, JSON.stringify(text)).toBeDefined();
  }
});
