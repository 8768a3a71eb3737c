import { cpSync, globSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument, stringify } from 'yaml';
import { type Diagnostic, readLaunchConfig, readRecipe, readTrainingFile } from '../src/index.ts';
import { jsonSchemas, RECIPE_FILES, type RecipeFile } from '../src/json-schemas.ts';
import { LAUNCH_KEY_TEXTS } from '../src/launch-key-texts.ts';
import { TRAINING_KEY_TEXTS } from '../src/training-key-texts.ts';
import { mutate, randomNumbers } from './mutated-files.ts';
import { WRONG_RECIPES } from './wrong-recipes.ts';

const schemas = jsonSchemas();
// Not strict about: oneOf that requires what is defined one level above it; .inf, which YAML has and JSON has not.
const ajv = new Ajv({
  strict: true,
  strictTypes: true,
  allowUnionTypes: true,
  strictRequired: false,
  strictNumbers: false,
});
// Words of editors.
ajv.addVocabulary(['doNotSuggest', 'markdownDescription']);
const compiled = Object.fromEntries(
  RECIPE_FILES.map((file) => [file, ajv.compile(schemas[file])]),
) as unknown as Record<RecipeFile, ValidateFunction>;

const ours = globSync('recipes/*/*.yaml', { cwd: PROJECT_ROOT }).sort();
const folder = path.join(mkdtempSync(path.join(tmpdir(), 'schemas-')), 'smoke-7b');
cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });

function kindOf(file: string): RecipeFile {
  if (file.includes('accelerate/')) return 'launch';
  const name = path.basename(file, '.yaml');
  return name === 'recipe' || name === 'dataset' || name === 'merge' ? name : 'training';
}

function textOf(file: string): string {
  return readFileSync(path.join(PROJECT_ROOT, file), 'utf8');
}

function problems(file: RecipeFile, data: unknown): unknown[] {
  return compiled[file](data) ? [] : (compiled[file].errors ?? []);
}

/** What the checker says of a recipe with this file in the place of its own. */
function checked(file: RecipeFile, data: unknown): Diagnostic[] {
  // accelerate's YAML is 1.1.
  const text = stringify(data, { version: file === 'launch' ? '1.1' : '1.2' });
  if (file === 'launch') {
    const diagnostics: Diagnostic[] = [];
    writeFileSync(path.join(folder, 'launch.yaml'), text);
    readLaunchConfig('launch.yaml', folder, 1, diagnostics);
    return diagnostics;
  }
  const target = path.join(folder, file === 'training' ? 'absolute.yaml' : `${file}.yaml`);
  const before = readFileSync(target);
  writeFileSync(target, text);
  const { diagnostics } = readRecipe(folder);
  writeFileSync(target, before);
  return diagnostics;
}

const isError = ({ severity }: Diagnostic) => severity === 'error';

describe("the project's own files", () => {
  it.each(ours)('%s is as its schema says', (file) => {
    expect(problems(kindOf(file), parse(textOf(file)))).toEqual([]);
  });

  it.each(ours)('%s names its schema in its first line', (file) => {
    const [line] = textOf(file).split('\n');
    expect(line).toBe(`# yaml-language-server: $schema=../schemas/${kindOf(file)}.schema.json`);
  });
});

const RECIPE = parse(textOf('recipes/smoke-7b/recipe.yaml'));
const DATASET = parse(textOf('recipes/smoke-7b/dataset.yaml'));
const TRAINING = parse(textOf('recipes/smoke-7b/absolute.yaml'));
const MERGE = parse(textOf('recipes/smoke-7b/merge.yaml'));
const LAUNCH = parse(textOf('recipes/accelerate/zero3.yaml'));
const data = DATASET['feedback-collection'];
const inDataset = (changes: object) => ({ ...DATASET, 'feedback-collection': { ...data, ...changes } });
const without = (from: object, key: string) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name !== key));

const RIGHT: [RecipeFile, string, unknown][] = [
  [
    'recipe',
    'a cluster',
    { ...RECIPE, launch: { config: 'cpu', launcher: 'slurm', slurm: { options: ['--time=60'] } } },
  ],
  ['recipe', 'a merge with options', { ...RECIPE, merge: { config: 'merge.yaml', seed: 42 } }],
  [
    'dataset',
    'messages that are there, a list of sources, no split',
    inDataset({
      system_prompt: undefined,
      source: [{ files: ['data/*.json'] }, { hub: 'a/b', hub_files: ['x.json'] }],
      columns: { messages: 'talk' },
      split: 'none',
    }),
  ],
  ['training', 'an older key', { ...TRAINING, evaluation_strategy: 'epoch', warmup_ratio: 0.1 }],
  ['training', 'what another place decides', { ...TRAINING, output_dir: 'x' }],
  ['training', 'an older value', { ...TRAINING, optim: 'adamw_hf' }],
  [
    'training',
    'what a profile would exclude, and none is stated',
    { ...without(TRAINING, 'profile'), packing: true },
  ],
  [
    'merge',
    'slices and all ways to write a value',
    {
      slices: [
        {
          sources: ['${absolute}', '${base}'].map((model) => ({ model, layer_range: [0, 2] })),
          parameters: { t: [{ filter: 'mlp', value: [0, 0.5, 1] }, { value: 0.3 }] },
        },
      ],
      merge_method: 'slerp',
      base_model: '${base}',
      parameters: null,
    },
  ],
];

const WRONG: [RecipeFile, string, unknown][] = [
  ['recipe', 'unknown key', { ...RECIPE, mergee: 'merge.yaml' }],
  ['recipe', 'wrong type', { ...RECIPE, launch: { config: 'cpu', processes: 'two' } }],
  ['recipe', 'none of the values', { ...RECIPE, launch: { config: 'cpu', launcher: 'sbatch' } }],
  ['recipe', 'missing key', without(RECIPE, 'dataset')],
  ['recipe', 'out of range', { ...RECIPE, launch: { config: 'cpu', processes: 0 } }],
  ['recipe', 'two kinds of base model', { ...RECIPE, base_model: { path: 'x', random: 'base-model.json' } }],
  ['recipe', 'no kind of base model', { ...RECIPE, base_model: { seed: 1 } }],
  ['recipe', 'a hub model without revision', { ...RECIPE, base_model: { id: 'a/b' } }],
  ['recipe', 'nodes without Slurm', { ...RECIPE, launch: { config: 'cpu', slurm: { nodes: 1 } } }],
  ['recipe', 'no expert', { ...RECIPE, experts: {} }],
  [
    'recipe',
    'an expert named base',
    { ...RECIPE, experts: { ...RECIPE.experts, base: RECIPE.experts.absolute } },
  ],
  ['recipe', 'a name with a slash', { ...RECIPE, name: '../x' }],
  [
    'recipe',
    'adapters that mergekit can not merge',
    { ...RECIPE, merge: { config: 'merge.yaml', engine: 'mergekit', adapters: 'on-the-fly' } },
  ],
  ['dataset', 'unknown key', inDataset({ system_promt: 'x' })],
  ['dataset', 'wrong type', inDataset({ keep_columns: 'a' })],
  ['dataset', 'none of the values', inDataset({ split: 'all' })],
  ['dataset', 'missing key', inDataset({ split: { test_size: 0.1 } })],
  ['dataset', 'out of range', inDataset({ split: { test_size: 0.1, seed: 2 ** 32 } })],
  ['dataset', 'two kinds of source', inDataset({ source: { files: 'data', hub: 'a/b' } })],
  ['dataset', 'messages beside columns', inDataset({ columns: { ...data.columns, messages: 'm' } })],
  ['dataset', 'half of the columns', inDataset({ columns: { user: 'instruction' } })],
  ['dataset', 'a prompt before messages that are there', inDataset({ columns: { messages: 'm' } })],
  ['training', 'unknown key', { ...TRAINING, lerning_rate: 1 }],
  ['training', 'wrong type', { ...TRAINING, learning_rate: 'fast' }],
  ['training', 'none of the values', { ...TRAINING, lr_scheduler_type: 'cosin' }],
  ['training', 'out of range', { ...TRAINING, global_batch_size: 0 }],
  ['training', 'excluded by the profile that it states', { ...TRAINING, packing: true }],
  ['training', 'excluded by one profile', { ...TRAINING, profile: 'fast', loss_type: 'chunked_nll' }],
  ['training', 'no mapping', ['learning_rate']],
  ['merge', 'unknown key', { ...MERGE, method: 'linear' }],
  ['merge', 'wrong type', { ...MERGE, models: '${absolute}' }],
  ['merge', 'none of the values', { ...MERGE, merge_method: 'lineer' }],
  ['merge', 'missing key', without(MERGE, 'merge_method')],
  [
    'merge',
    'out of range',
    { ...MERGE, merge_method: 'ties', base_model: '${base}', parameters: { density: 2 } },
  ],
  ['merge', 'neither models nor slices', without(MERGE, 'models')],
  ['launch', 'unknown key', { ...LAUNCH, num_proceses: 2 }],
  ['launch', 'unknown key in a section', { ...LAUNCH, deepspeed_config: { zero_stge: 3 } }],
  ['launch', 'wrong type', { ...LAUNCH, gpu_ids: 0 }],
  ['launch', 'none of the values', { ...LAUNCH, mixed_precision: 'bf61' }],
  ['launch', 'missing key', without(LAUNCH, 'distributed_type')],
  ['launch', 'out of range', { ...LAUNCH, main_process_port: 70_000 }],
];

describe('schema and checker', () => {
  it.each(RIGHT)('%s: %s is right for both', (file, _what, content) => {
    expect(problems(file, parse(stringify(content)))).toEqual([]);
    expect(checked(file, content).filter(isError)).toEqual([]);
  });

  it.each(WRONG)('%s: %s is wrong for both', (file, _what, content) => {
    expect(problems(file, content)).not.toEqual([]);
    expect(checked(file, content).filter(isError)).not.toEqual([]);
  });

  it.each(RECIPE_FILES)(
    '%s: what the schema refuses of 300 files with mistakes, the checker refuses',
    (file) => {
      const originals = [
        ...ours.filter((name) => kindOf(name) === file).map((name) => parse(textOf(name))),
        ...RIGHT.filter(([kind]) => kind === file).map(([, , content]) => content),
      ];
      const keys = [...new Set(keysIn(schemas[file]))];
      const random = randomNumbers(2_024);
      let refused = 0;
      for (let count = 0; count < 300; count += 1) {
        const original = originals[count % originals.length];
        const content = parse(stringify(mutate(original, keys, random)));
        const found = problems(file, content);
        if (found.length === 0) continue;
        refused += 1;
        if (!checked(file, content).some(isError))
          expect({ content, found }).toEqual('refused by the checker');
      }
      // Neither all nor none, or the comparison says nothing.
      expect(refused).toBeGreaterThan(75);
      expect(refused).toBeLessThan(290);
    },
  );
});

/** The names of all keys that a schema speaks of. */
function keysIn(schema: unknown): string[] {
  if (schema === null || typeof schema !== 'object') return [];
  const { properties = {} } = schema as { properties?: object };
  return [...Object.keys(properties), ...Object.values(schema).flatMap(keysIn)];
}

describe('texts', () => {
  it('are of keys that exist', () => {
    expect(keysIn(schemas.training)).toEqual(expect.arrayContaining(Object.keys(TRAINING_KEY_TEXTS)));
    expect(keysIn(schemas.launch)).toEqual(expect.arrayContaining(Object.keys(LAUNCH_KEY_TEXTS)));
  });

  it('are there for all keys of our recipes, with the default for an editor to show', () => {
    const used = ours
      .filter((file) => kindOf(file) === 'training')
      .flatMap((file) => Object.keys(parse(textOf(file))));
    const properties = schemas.training.properties as Record<string, { description?: string }>;
    expect(used.filter((key) => !properties[key]?.description)).toEqual([]);
    expect(properties.warmup_steps).toMatchObject({
      default: 0.1,
      markdownDescription: expect.stringMatching(/^Steps in which .*\n\nDefault: `0\.1`$/s),
    });
  });
});

describe('a wrong recipe', () => {
  /** Rules about one file by itself. */
  const ALONE = ['unknown-key', 'missing-key', 'wrong-type', 'bad-value', 'excluded-by-profile'];
  const parsed = WRONG_RECIPES.flatMap((wrong) => {
    const text = textOf(`recipes/${wrong.recipe ?? 'smoke-7b'}/${wrong.file}`).replace(
      wrong.from,
      () => wrong.to,
    );
    const document = parseDocument(text);
    return document.errors.length > 0 || wrong.title.includes('star')
      ? []
      : [{ ...wrong, data: document.toJS() }];
  });

  it.each(parsed.map((wrong) => [`${wrong.rule}: ${wrong.title}`, wrong] as const))('%s', (_title, wrong) => {
    const isRefused = problems(kindOf(wrong.file), wrong.data).length > 0;
    expect(isRefused).toBe(wrong.inSchema ?? ALONE.includes(wrong.rule));
  });
});

describe('training keys', () => {
  const file = path.join(folder, 'one-key.yaml');
  const OLDER = ['renamed-key', 'removed-key', 'decided-elsewhere'];
  /** How the checker sees a key: known, known by an older name, or not. */
  function seen(key: string): 'known' | 'older' | 'refused' {
    const diagnostics: Diagnostic[] = [];
    writeFileSync(file, `${key}: 1\n`);
    readTrainingFile(file, diagnostics, ({ message }) => {
      throw new Error(message);
    });
    const codes = diagnostics.map(({ code }) => code);
    if (codes.includes('unknown-key')) return 'refused';
    return codes.some((code) => OLDER.includes(code)) ? 'older' : 'known';
  }
  const properties = schemas.training.properties as Record<
    string,
    { deprecated?: boolean; description?: string }
  >;

  it('of the schema are those that the checker accepts, older ones with the name of today', () => {
    for (const [key, { deprecated, description }] of Object.entries(properties)) {
      expect([key, seen(key)]).toEqual([key, deprecated ? 'older' : 'known']);
      if (deprecated)
        expect(description).toMatch(
          /^(Is called \w+(: .+)? today\.$|Has no effect any more: .|Is not read here\. .)/,
        );
    }
    expect(properties.warmup_ratio?.description).toBe('Is called warmup_steps today.');
    expect(properties.adafactor?.description).toBe('Is called optim: adafactor today.');
  });

  it('of TRL are all in the schema', () => {
    const dumped = JSON.parse(textOf('packages/recipe/src/training-keys.json')) as { keys: object };
    expect(Object.keys(dumped.keys).filter((key) => !(key in properties))).toEqual([]);
  });

  it('say what the profiles leave of their values', () => {
    expect(properties.packing?.description).toMatch(/ The profiles parity and fast allow false only\.$/);
    expect(properties.loss_type?.description).toMatch(
      / The profile parity allows nll or chunked_nll only\. The profile fast allows nll only\.$/,
    );
  });
});
