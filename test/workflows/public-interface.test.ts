import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const RECORD = 'test/workflows/public-interface.txt';

interface Field {
  required?: boolean;
  default?: unknown;
  type?: string;
}
type Fields = Record<string, Field | null>;
interface Interface {
  inputs?: Fields;
  secrets?: Fields;
  outputs?: Fields;
}

// A workflow that names an input that is gone runs on without it, with a warning that nobody reads; an output that is gone is
// empty. So what callers can name is recorded, and what is taken out, renamed or newly required shows here. That is a new
// major version; what is added gets a line.
it('has lost nothing that callers name, and records what is new', () => {
  const recorded = readFileSync(path.join(PROJECT_ROOT, RECORD), 'utf8').trim().split('\n');
  const now = publicInterface();
  expect(
    recorded.filter((line) => !now.includes(line)),
    `gone or changed, which breaks callers (${RECORD})`,
  ).toEqual([]);
  expect(
    now.filter((line) => !recorded.includes(line)),
    `new: give it a line in ${RECORD}`,
  ).toEqual([]);
});

it('is all that documents and examples name', () => {
  const known = new Set(publicInterface().map((line) => /^\S+ \w+ [\w-]+/.exec(line)?.[0]));
  const files = globSync(
    ['README.md', 'docs/*.md', 'docs/examples/*/.github/workflows/*.yml', 'actions/*/README.md'],
    { cwd: PROJECT_ROOT },
  );
  const named = files.flatMap((file) => {
    const text = readFileSync(path.join(PROJECT_ROOT, file), 'utf8');
    return inputsNamed(text).map((line) => ({ file, line }));
  });
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter(({ line }) => !known.has(line))).toEqual([]);
});

/** What a text gives to actions and workflows of this project: the keys under `with:` after `uses: OWNER/…`. */
function inputsNamed(text: string): string[] {
  const uses = text.matchAll(
    /^( *)(?:- )?uses: OWNER\/prometheus-actions\/(\S+)@v1\n((?:\1 .*\n|\1\w.*\n|\n)*)/gm,
  );
  return [...uses].flatMap(([, indent = '', name, rest = '']) => {
    const given = /^( *)with:\n((?:\1 +.*\n)+)/m.exec(rest);
    const inner = given?.[2] ?? '';
    const depth = /^ */.exec(inner)?.[0].length ?? indent.length;
    return [...inner.matchAll(/^( +)([\w-]+):/gm)].flatMap(([, spaces, input]) =>
      spaces?.length === depth ? [`${name} input ${input}`] : [],
    );
  });
}

/** A line for each input, secret and output of the actions and the workflows that can be called. */
function publicInterface(): string[] {
  const read = (file: string) => parse(readFileSync(path.join(PROJECT_ROOT, file), 'utf8'));
  const actions = globSync('actions/*/action.yml', { cwd: PROJECT_ROOT }).map((file): [string, Interface] => [
    path.dirname(file),
    read(file),
  ]);
  const workflows = globSync('.github/workflows/*.yml', { cwd: PROJECT_ROOT }).flatMap(
    (file): [string, Interface][] => {
      const call = read(file).on?.workflow_call;
      return call ? [[file, call]] : [];
    },
  );
  return [...actions, ...workflows]
    .flatMap(([name, { inputs = {}, secrets = {}, outputs = {} }]) => [
      ...Object.entries(inputs).map(([input, field]) => `${name} input ${input}${detailsOf(field)}`),
      ...Object.entries(secrets).map(([secret, field]) => `${name} secret ${secret}${detailsOf(field)}`),
      ...Object.keys(outputs).map((output) => `${name} output ${output}`),
    ])
    .sort();
}

function detailsOf(field: Field | null): string {
  const { type, required, default: value } = field ?? {};
  return [
    type && `: ${type}`,
    required && ' (required)',
    value !== undefined && ` = ${JSON.stringify(value)}`,
  ]
    .filter(Boolean)
    .join('');
}
