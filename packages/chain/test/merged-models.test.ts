import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError, type Json } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { type NamedModels, resolveConfig } from '../src/merged-models.ts';
import { folderBytes, weightBytes } from '../src/weight-files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'models-'));
for (const name of ['a', 'b', 'b+c', 'lora']) mkdirSync(path.join(folder, name));
const at = (name: string) => path.join(folder, name);
const BASE = { id: 'org/base', revision: 'main' };
const MODELS: NamedModels = {
  base: BASE,
  absolute: { path: '/experts/absolute' },
  relative: { ...BASE, adapter: '/experts/relative' },
};
const resolve = (
  models: string[],
  rest = {},
  { hub = false, donor = undefined as string | undefined } = {},
) =>
  resolveConfig(
    { models: models.map((model) => ({ model })), merge_method: 'linear', ...rest },
    donor,
    MODELS,
    folder,
    hub,
  );
const named = (found: ReturnType<typeof resolve>) =>
  (found.config.models as { model: string }[]).map(({ model }) => model);

describe('the models of a merge configuration', () => {
  it('are folders from its own folder on, also on both sides of a plus', () => {
    const found = resolve(['a', 'b+lora', 'b+c', at('b'), '${base}+lora']);
    expect(named(found)).toEqual([
      at('a'),
      `${at('b')}+${at('lora')}`,
      at('b+c'),
      at('b'),
      `\${base}+${at('lora')}`,
    ]);
    expect(Object.keys(found.inputs)).toEqual(['a', 'b', 'lora', 'b+c', at('b'), 'base']);
  });

  it('may be called base or union, which mean something else as a source of the tokenizer alone', () => {
    for (const name of ['base', 'union']) {
      mkdirSync(at(name));
      const found = resolve([name, 'a'], { base_model: name, tokenizer_source: name });
      expect(named(found)).toEqual([at(name), at('a')]);
      expect(found.config).toMatchObject({ base_model: at(name), tokenizer_source: name });
      expect(found.inputs).toMatchObject({ base: { reference: 'org/base@main' }, a: { paths: [at('a')] } });
      expect(Object.values(found.inputs)).toContainEqual({ paths: [at(name)] });
    }
  });

  it('may be called as an expert is, and are another input then', () => {
    mkdirSync(at('absolute'));
    expect(resolve(['absolute', '${absolute}']).inputs).toEqual({
      './absolute': { paths: [at('absolute')] },
      absolute: { paths: ['/experts/absolute'] },
      base: { reference: 'org/base@main' },
    });
  });

  it('may stand for experts, adapters and the base model, which is told also where it is not named', () => {
    const found = resolve(['${absolute}', '${relative}'], {}, { donor: '${relative}' });
    expect(named(found)).toEqual(['${absolute}', '${relative}']);
    expect(found.donor).toBe('${relative}');
    expect(found.models).toEqual({
      absolute: { path: '/experts/absolute' },
      relative: { ...BASE, adapter: '/experts/relative' },
      base: BASE,
    });
    expect(found.inputs).toEqual({
      absolute: { paths: ['/experts/absolute'] },
      relative: { paths: ['/experts/relative'] },
      base: { reference: 'org/base@main' },
    });
  });

  it('are found wherever a configuration names them', () => {
    const slices = [{ sources: [{ model: 'a', layer_range: [0, 2] }] }];
    const rest = { slices, base_model: 'b', tokenizer_source: 'lora' };
    expect(resolve([], rest).config).toMatchObject({
      slices: [{ sources: [{ model: at('a'), layer_range: [0, 2] }] }],
      base_model: at('b'),
      tokenizer_source: at('lora'),
    });
    expect(resolve(['a'], { tokenizer_source: 'base' }).config.tokenizer_source).toBe('base');
  });

  it('must be there, but for repositories at a commit, which are fetched before mergekit starts', () => {
    const pinned = `org/model@${'0123456789'.repeat(4)}`;
    expect(() => resolve(['org/model'])).toThrow(/names org\/model: there is no .*org\/model/);
    expect(() => resolve([pinned])).toThrow(/there is no /);
    expect(() => resolve(['${relativ}'])).toThrow(/names \$\{relativ\}, and no such model is given/);
    for (const name of ['org/model', 'org/model@main', 'org/model@0123456']) {
      expect(() => resolve([name], {}, { hub: true })).toThrow(/there is no .*\n.*owner\/name@COMMIT/);
    }
    const found = resolve([pinned], {}, { hub: true });
    expect(named(found)).toEqual([`\${${pinned}}`]);
    expect(found.inputs[pinned]).toEqual({ reference: pinned });
    expect(found.models[pinned]).toEqual({ id: 'org/model', revision: '0123456789'.repeat(4) });
    expect(() => resolve([`a+${pinned}`], {}, { hub: true })).toThrow(/an adapter on the hub/);
  });
});

describe("the models in mergekit's long form", () => {
  const COMMIT = 'fedcba9876'.repeat(4);
  const long = (config: Record<string, unknown>) =>
    resolveConfig({ merge_method: 'linear', ...config } as Json, undefined, MODELS, folder, true);

  it('are resolved and recorded as the short form is', () => {
    const found = long({
      base_model: { model: 'a' },
      models: [
        { model: { model: { path: 'b' }, lora: { path: 'lora' }, override_architecture: null } },
        { model: { model: { path: 'org/model', revision: COMMIT } } },
        { model: { model: '${absolute}', override_architecture: 'MistralForCausalLM' } },
      ],
      tokenizer: {
        source: { model: { path: 'b+c' } },
        tokens: {
          model: { source: 'a', force: true },
          x: { source: { kind: 'model_token', model: { model: { path: 'b' } }, token_id: 3 } },
          y: { source: { kind: 'zero' } },
        },
      },
    });
    expect(found.config).toEqual({
      merge_method: 'linear',
      base_model: at('a'),
      models: [
        { model: `${at('b')}+${at('lora')}` },
        { model: `\${org/model@${COMMIT}}` },
        { model: { model: '${absolute}', override_architecture: 'MistralForCausalLM' } },
      ],
      tokenizer: {
        source: at('b+c'),
        tokens: {
          model: { source: at('a'), force: true },
          x: { source: { kind: 'model_token', model: at('b'), token_id: 3 } },
          y: { source: { kind: 'zero' } },
        },
      },
    });
    expect(Object.keys(found.inputs).sort()).toEqual(
      ['a', 'absolute', 'b', 'b+c', 'base', 'lora', `org/model@${COMMIT}`].sort(),
    );
  });

  const EVIL = { model: { path: 'evil/repo', revision: 'main' } };
  it.each<[string, Record<string, unknown>]>([
    ['models', { models: [{ model: EVIL }] }],
    ['base_model', { base_model: EVIL }],
    ['the base_model of a slice', { slices: [{ sources: [], base_model: EVIL }] }],
    ['the sources of a slice', { slices: [{ sources: [{ model: EVIL, layer_range: [0, 1] }] }] }],
    ['the models of a module', { modules: { text: { models: [{ model: EVIL }] } } }],
    ['the slices of a module', { modules: { text: { slices: [{ sources: [{ model: 'evil/repo' }] }] } } }],
    ['tokenizer_source', { tokenizer_source: EVIL }],
    ['tokenizer.source', { tokenizer: { source: 'evil/tok' } }],
    ['tokenizer.source, long', { tokenizer: { source: EVIL } }],
    ['the source of a token', { tokenizer: { tokens: { x: { source: 'evil/repo@main' } } } }],
    [
      'the token of a model',
      { tokenizer: { tokens: { x: { source: { kind: 'model_token', model: EVIL } } } } },
    ],
    [
      'a token that is to be zero',
      { tokenizer: { tokens: { x: { source: { kind: 'zero', model: EVIL } } } } },
    ],
    ['lora', { models: [{ model: { model: 'a', lora: EVIL.model } }] }],
    ['a path without a model', { models: [{ model: { path: 'evil/repo' } }] }],
    ['a text with a revision', { models: [{ model: 'evil/repo@main+evil/lora' }] }],
    ['an absolute path that is not there', { models: [{ model: { model: { path: '/evil/repo' } } }] }],
    ['a list', { models: [{ model: ['evil/repo'] }] }],
    ['a number', { base_model: 7 }],
    ['a class that is none', { base_model: { model: 'a', override_architecture: '../x' } }],
  ])('are refused where they are neither a folder nor at a commit: %s', (_, config) => {
    expect(() => long(config)).toThrow(ConfigurationError);
  });
});

const shaped = (shape: string) => `{"a": {"dtype": "F32", "shape": ${shape}, "data_offsets": [0, 28]}}`;
const HOSTILE_HEADERS = [
  ...[
    '[1e400]',
    '[-1, -7]',
    '[0.5]',
    '"7"',
    '[[7]]',
    'null',
    '{"length": 1}',
    '[1152921504606846976]',
    '[99999999]',
  ].map(shaped),
  ...[
    shaped(`[${'2,'.repeat(9)}2]`),
    '['.repeat(100_000),
    `{"a": ${'['.repeat(200)}${']'.repeat(200)}}`,
    '[]',
    'null',
    '{"a": 1}',
  ],
];

it('knows how large weights are in another data type, and what a folder holds', async () => {
  const header = Buffer.from(
    JSON.stringify({
      __metadata__: { format: 'pt' },
      'a.weight': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      'a.scale': { dtype: 'F32', shape: [], data_offsets: [24, 28] },
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path.join(at('a'), 'model.safetensors'), Buffer.concat([length, header, Buffer.alloc(28)]));
  const file = 8 + header.length + 28;
  expect(await weightBytes({ path: at('a') })).toBe(file);
  expect(await weightBytes({ path: at('a') }, 'bfloat16')).toBe(7 * 2);
  expect(await folderBytes(at('a'))).toBe(file);
  expect(await folderBytes(at('nowhere'))).toBe(0);
  mkdirSync(at('hostile'));
  const hostile = path.join(at('hostile'), 'model.safetensors');
  for (const text of HOSTILE_HEADERS) {
    const bytes = Buffer.from(text);
    length.writeBigUInt64LE(BigInt(bytes.length));
    writeFileSync(hostile, Buffer.concat([length, bytes, Buffer.alloc(28)]));
    // The merge says what is wrong with it: here its size stands for it.
    expect(await weightBytes({ path: at('hostile') }, 'bfloat16'), text.slice(0, 80)).toBe(
      8 + bytes.length + 28,
    );
  }
  rmSync(hostile);
  symlinkSync('/dev/zero', hostile);
  expect(await weightBytes({ path: at('hostile') }, 'bfloat16')).toBe(0);
  writeFileSync(path.join(at('b'), 'model.safetensors'), 'no such file');
  expect(await weightBytes({ path: at('b') }, 'bfloat16')).toBe('no such file'.length);
});
