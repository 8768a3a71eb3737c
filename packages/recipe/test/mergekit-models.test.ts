import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { expect, it } from 'vitest';
import { readRecipe } from '../src/index.ts';

const COMMIT = '0123456789'.repeat(4);

/** Line, rule and message of the errors of a smoke recipe that mergekit merges by this configuration. */
function errors(merge: string): [number, string, string][] {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'mergekit-')), 'smoke-7b');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  mkdirSync(path.join(folder, 'donor'));
  writeFileSync(path.join(folder, 'merge.yaml'), merge);
  const file = path.join(folder, 'recipe.yaml');
  const section = 'merge: { config: merge.yaml, engine: mergekit }';
  writeFileSync(file, readFileSync(file, 'utf8').replace('merge: merge.yaml', section));
  return readRecipe(folder)
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ line, code, message }) => [line, code, message.replaceAll(`${folder}/`, '')]);
}

const EXPERTS = `merge_method: karcher
models:
  - model: \${absolute}
  - model: \${relative}
`;

it.each([
  ['experts and folders', EXPERTS],
  ['the long form', `${EXPERTS}  - model: { model: { path: donor } }\n`],
  ['a model of the hub at its commit', `${EXPERTS}base_model: org/model@${COMMIT}\n`],
  [
    'the same in the long form',
    `${EXPERTS}base_model: { model: { path: org/model, revision: "${COMMIT}" } }\n`,
  ],
  [
    'a union of tokenizers',
    `${EXPERTS}tokenizer: { source: union, tokens: { "<x>": { source: { kind: zero } } } }\n`,
  ],
  ['a template by name', `${EXPERTS}chat_template: chatml\n`],
  ['a token called model', `${EXPERTS}tokenizer: { tokens: { model: { source: "\${absolute}" } } }\n`],
])('nothing is said of %s', (_, merge) => {
  expect(errors(merge)).toEqual([]);
});

const PINS = 'is not at a commit: another run may get another model';

it.each<[string, string, number, string, string]>([
  ['a branch', 'base_model: evil/repo@main', 5, 'unpinned-revision', `evil/repo@main ${PINS}`],
  ['a repository', 'base_model: evil/repo', 5, 'missing-file', 'there is no model folder evil/repo'],
  [
    'a branch in the long form',
    'base_model:\n  model: { path: evil/repo, revision: main }',
    6,
    'unpinned-revision',
    `evil/repo@main ${PINS}`,
  ],
  [
    'a model in the long form',
    '  - { model: { model: { path: evil/repo } } }',
    5,
    'missing-file',
    'there is no model folder evil/repo',
  ],
  [
    'an adapter',
    '  - { model: { model: donor, lora: evil/lora@main } }',
    5,
    'unpinned-revision',
    `evil/lora@main ${PINS}`,
  ],
  ['the tokenizer', 'tokenizer:\n  source: evil/tok', 6, 'missing-file', 'there is no model folder evil/tok'],
  [
    'a token',
    'tokenizer:\n  tokens:\n    x: { source: { kind: model_token, model: evil/repo@main, token: y } }',
    7,
    'unpinned-revision',
    `evil/repo@main ${PINS}`,
  ],
  ['an expert', '  - { model: "${absolut}" }', 5, 'unknown-name', 'the recipe has no expert absolut'],
  ['an unknown key', 'base_model: { path: evil/repo }', 5, 'bad-value', 'a model has no key path'],
  ['a list', 'base_model: [evil/repo]', 5, 'bad-value', 'expected the name of a model'],
  [
    'a class',
    'base_model: { model: donor, override_architecture: a/b }',
    5,
    'bad-value',
    'expected the name of a class as override_architecture',
  ],
  [
    'a template outside',
    'chat_template: ../../secret',
    5,
    'bad-value',
    'chat_template is neither a Jinja text nor the name of a template that mergekit has',
  ],
  [
    'experts of a mixture',
    'experts: [{ source_model: evil/repo }]',
    5,
    'unknown-key',
    'experts is a key of mergekit-moe, and mergekit-yaml passes over it',
  ],
])('is an error at its line: %s', (_, added, line, code, message) => {
  expect(errors(`${EXPERTS}${added}\n`)).toEqual([[line, code, message]]);
});
