import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, expect, it } from 'vitest';
import { command, temporaryFolder } from './command.ts';

let folder: string;

beforeAll(() => {
  folder = path.join(temporaryFolder(), 'mine');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  const file = path.join(folder, 'merge.yaml');
  const text = readFileSync(file, 'utf8').replace('merge_method: linear', '"merge_method\\u202e": linear');
  writeFileSync(file, text);
});

const print = async (...options: string[]) => {
  const { code, output } = await command(['validate', ...options, folder], { GITHUB_WORKSPACE: folder });
  expect(code, output).toBe(2);
  const [findings = '', mistake] = output.split(/^(?=error: 1 error in)/m);
  expect(mistake).toBeDefined();
  return findings;
};

it('prints findings as text with the line', async () => {
  expect(await print()).toMatch(
    /merge\.yaml:\d+:1: error: unknown key merge_method\\u\{202e\} \[unknown-key\]\n.*\d+ \| "merge/,
  );
});

it('prints JSON, also by the short form', async () => {
  const findings = JSON.parse(await print('--format', 'json'));
  expect(findings.map(({ code }: { code: string }) => code)).toContain('unknown-key');
  expect(JSON.parse(await print('--json'))).toEqual(findings);
});

it('prints SARIF', async () => {
  const { version, runs } = JSON.parse(await print('--format', 'sarif'));
  expect([version, runs[0].results.length]).toEqual(['2.1.0', 1]);
});

it('prints annotations of a workflow', async () => {
  expect(await print('--format', 'github')).toMatch(
    /^::error file=merge\.yaml,line=\d+,col=1::unknown key merge_method\\u\{202e\}/m,
  );
});

it('names the formats that there are', async () => {
  const { code, output } = await command(['validate', '--format', 'xml', folder]);
  expect(code).toBe(2);
  expect(output).toContain('text, json, sarif, github');
});
