import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { checkLocation, readArchitecture, readRecipe } from '../src/index.ts';

const TWO = 'models: [{ model: "${absolute}" }, { model: "${relative}" }]\n';
const SLERP = `${TWO}base_model: \${absolute}\nmerge_method: slerp\n`;
const MODEL = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  vocab_size: 48,
};

/** A copy of the small recipe, whose base model has two layers. */
function recipe(merge: string, section = 'merge.yaml', base?: string): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'tensors-')), 'smoke-7b');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  writeFileSync(path.join(folder, 'merge.yaml'), merge);
  const file = path.join(folder, 'recipe.yaml');
  const text = readFileSync(file, 'utf8').replace('merge: merge.yaml', `merge: ${section}`);
  writeFileSync(file, base ? text.replace(/base_model: .*/, `base_model: ${base}`) : text);
  return folder;
}

function warningsAndErrors(
  folder: string,
  architecture = undefined as ReturnType<typeof readArchitecture> | undefined,
) {
  return readRecipe(folder, { architecture })
    .diagnostics.filter(({ severity }) => severity !== 'notice')
    .map(({ severity, line, column, message }) => [severity, line, column, message]);
}

describe('a recipe', () => {
  it('is checked against its base model', () => {
    const merge = `${SLERP}parameters:\n  t:\n    - { filter: self_atn, value: 1 }\n    - value: 0\n`;
    const message = "filter: self_atn is part of no tensor's name: its value is never used";
    expect(warningsAndErrors(recipe(merge))).toEqual([['warning', 6, 17, message]]);
  });

  it('may have a filter that is meant for other models', () => {
    const comment = '# allow unused-filter: the same file merges a Mixtral';
    const merge = `${SLERP}parameters:\n  t:\n    ${comment}\n    - { filter: moe, value: 1 }\n    - value: 0\n`;
    const folder = recipe(merge);
    expect(warningsAndErrors(folder)).toEqual([]);
    expect(readRecipe(folder).diagnostics).toContainEqual(
      expect.objectContaining({ code: 'unused-filter', severity: 'notice', line: 7 }),
    );
  });

  it('is checked against a base model on the hub whose config was fetched, and only then', () => {
    const merge = `${SLERP}parameters: { t: [{ filter: q_norm, value: 1 }, { value: 0 }] }\n`;
    const base = `{ id: owner/model, revision: ${'0123456abc'.repeat(4)} }`;
    const folder = recipe(merge, 'merge.yaml', base);
    expect(warningsAndErrors(folder)).toEqual([]);
    const found = (model_type: string) =>
      warningsAndErrors(folder, readArchitecture({ ...MODEL, model_type }));
    expect(found('llama')).toHaveLength(1);
    expect(found('qwen3')).toEqual([]);
    // Names of a kind of model that is not known are no more than likely.
    expect(found('other').filter(([, , , message]) => String(message).includes('q_norm'))).toEqual([]);
  });
});

describe('a recipe that mergekit merges', () => {
  const slices = (...ranges: string[]) =>
    `merge_method: passthrough\nslices:\n${ranges.map((range) => `  - sources: [{ model: "\${absolute}", layer_range: ${range} }, { model: "\${relative}", layer_range: ${range} }]\n`).join('')}`;
  const check = (merge: string) =>
    warningsAndErrors(recipe(merge, '{ config: merge.yaml, engine: mergekit }'));

  it.each([
    [['[0, 1]', '[1, 2]'], undefined],
    [['[0, 2]', '[1, 3]'], "layer_range: [1, 3] ends behind the base model's 2 layers"],
    [['[0, 2]', '[1, 1]'], 'layer_range: [1, 1] has no layers'],
    [['[2, 0]'], 'layer_range: [2, 0] has no layers'],
    [['[-1, 2]'], 'layer_range: [-1, 2] has no layers'],
  ])('with the layers %s', (ranges, message) => {
    const found = check(slices(...ranges));
    const line = 2 + ranges.length;
    expect(found.map(([severity, at, , words]) => [severity, at, words])).toEqual(
      message ? [0, 1].map(() => ['error', line, message]) : [],
    );
  });

  it('with a filter that fits nothing, wherever it is', () => {
    const merge = `${TWO}merge_method: della\nparameters:\n  epsilon:\n    - { filter: mlpp, value: 0.1 }\n    - { filter: "*", value: 0.2 }\n`;
    expect(check(merge)).toEqual([['warning', 5, 17, expect.stringContaining('filter: mlpp')]]);
  });
});

describe('a recipe that mergekit merges by a method of ours', () => {
  const check = (merge: string) =>
    warningsAndErrors(recipe(merge, '{ config: merge.yaml, engine: mergekit }')).map(
      ([severity, line, , message]) => [severity, line, message],
    );
  const weights = (a: string, b: string, rest = '') =>
    `models:\n  - { model: "\${absolute}", parameters: { weight: ${a} } }\n  - { model: "\${relative}", parameters: { weight: ${b} } }\nmerge_method: linear\ndtype: bfloat16\ntokenizer: { source: union }\n${rest}`;
  const sum = 'the weights 1, -1 sum to 0, and the merged values are divided by that sum';

  it.each([
    ['weights that cancel', weights('1', '-1'), [['error', 2, sum]]],
    ['weights that cancel and are not divided', weights('1', '-1', 'parameters: { normalize: false }\n'), []],
    [
      'a filter for some of the tensors',
      weights('[{ filter: mlp, value: 1 }]', '1'),
      [
        [
          'error',
          2,
          expect.stringMatching(/^no weight of \$\{absolute\} for model\.embed_tokens\.weight and \d+ more/),
        ],
      ],
    ],
    [
      'no weight',
      weights('1', '1').replace(', parameters: { weight: 1 }', ''),
      [['error', 2, '${absolute} has no parameters.weight, which linear needs']],
    ],
    [
      'a base_model that its linear merges too',
      weights('1', '1', 'base_model: ${base}\n'),
      [['error', 7, '${base} has no parameters.weight, which linear needs']],
    ],
    [
      'a base_model that cancels the others',
      weights('1', '-2', 'base_model: ${base}\nparameters: { weight: 1 }\n'),
      [['error', 2, sum.replace('1, -1', '1, -2, 1')]],
    ],
    [
      'a base_model with the weight of all',
      weights('1', '1', 'base_model: ${base}\nparameters: { weight: 1 }\n'),
      [],
    ],
    ['slerp without t', `${SLERP}tokenizer_source: union\n`, [['error', 3, 'slerp needs parameters.t']]],
    ['another method', `${TWO}merge_method: della\nparameters: { weight: 0 }\n`, []],
  ])('with %s', (_, merge, found) => {
    expect(check(merge)).toEqual(found);
  });
});

describe('a merge configuration that stands by itself', () => {
  function configuration(text: string, config: Record<string, unknown> = MODEL): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'alone-'));
    for (const name of ['a', 'b']) {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, 'config.json'), JSON.stringify(config));
    }
    const file = path.join(folder, 'merge.yaml');
    writeFileSync(file, text);
    return file;
  }
  const found = (file: string) => checkLocation(file).diagnostics.map(({ message }) => message);
  const ranges = (end: number, a = 'a') =>
    `slices: [{ sources: [{ model: ${a}, layer_range: [0, ${end}] }, { model: b, layer_range: [0, ${end}] }] }]\nmerge_method: linear\nparameters: { weight: 1 }\n`;

  it('is checked against the models that it names', () => {
    expect(found(configuration(ranges(4)))).toEqual([]);
    const beyond = 'layer_range ends at 32, and the models have 4 layers';
    expect(found(configuration(ranges(32)))).toEqual([beyond, beyond]);
    // An adapter on its base model.
    expect(found(configuration(ranges(32, 'a+adapter')))).toEqual([beyond, beyond]);
  });

  it('is checked as far as it can be where they are elsewhere, or are not read', () => {
    expect(found(configuration(ranges(32).replaceAll('model: ', 'model: /elsewhere/')))).toEqual([]);
    expect(found(configuration(ranges(32), { model_type: 'mistral' }))).toEqual([]);
    expect(
      found(configuration(ranges(32).replaceAll(/model: (.)/g, (_, name) => `model: "\${${name}}"`))),
    ).toEqual([]);
  });
});
