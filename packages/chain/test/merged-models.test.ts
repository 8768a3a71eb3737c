import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

  it('must be there, but for repositories that mergekit fetches', () => {
    expect(() => resolve(['org/model'])).toThrow(/names org\/model: there is no .*org\/model/);
    expect(() => resolve(['${relativ}'])).toThrow(/names \$\{relativ\}, and no such model is given/);
    const found = resolve(['org/model'], {}, { hub: true });
    expect(named(found)).toEqual(['org/model']);
    expect(found.inputs['org/model']).toEqual({ reference: 'org/model' });
  });
});

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
  writeFileSync(path.join(at('b'), 'model.safetensors'), 'no such file');
  expect(await weightBytes({ path: at('b') }, 'bfloat16')).toBe('no such file'.length);
});
