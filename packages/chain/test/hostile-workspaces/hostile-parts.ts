/** What must be in nothing that an action says or writes: contents of files outside, and their names. */
export const CANARY = 'CANARYcanary7';

/** A choice by a seed, the same in every run. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number below `limit` (mulberry32, public domain). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }
}

const ROWS = JSON.stringify(
  Array.from({ length: 12 }, (_, row) => ({
    instruction: `Grade answer ${row}.`,
    output: `Clear. [RESULT] ${1 + (row % 5)}`,
  })),
);
const TRAINING =
  'profile: parity\nper_device_train_batch_size: 4\nglobal_batch_size: 8\nlearning_rate: 1.0e-5\nmax_length: 4096\nnum_train_epochs: 1\n';
const COLUMNS = 'columns: { user: instruction, assistant: output }, split: { test_size: 2, seed: 42 }';
export const FILES: Record<string, string> = {
  'judge/recipe.yaml': [
    'name: judge',
    'base_model: { path: model }',
    'dataset: dataset.yaml',
    'experts:',
    '  absolute: { dataset: one, sft: absolute.yaml }',
    '  relative: { dataset: two, sft: relative.yaml }',
    'launch: { config: cpu, processes: 1 }',
    'merge: merge.yaml',
    '',
  ].join('\n'),
  'judge/dataset.yaml': `one: { source: { files: data/one.json }, ${COLUMNS} }\ntwo: { source: { files: data }, ${COLUMNS} }\n`,
  'judge/absolute.yaml': TRAINING,
  'judge/relative.yaml': TRAINING,
  'judge/merge.yaml':
    'models:\n  - { model: "${absolute}", parameters: { weight: 1.0 } }\n  - { model: "${relative}", parameters: { weight: 1.0 } }\nmerge_method: linear\ndtype: bfloat16\n',
  'judge/model/config.json':
    '{"model_type": "mistral", "architectures": ["MistralForCausalLM"], "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 512}',
  'judge/data/one.json': ROWS,
};
export const FOLDERS = ['judge', 'judge/data', 'judge/model'];
/** Places that an action writes to. */
export const WRITTEN = [
  'recipes.sarif',
  'out',
  'out/prepared',
  'out/prepared.log',
  'out/.prepared.lock',
  'report.html',
];
export const NEW = [
  'judge/new',
  'judge/data/two.json',
  'judge/data/part-1.jsonl',
  'judge/data/state.json',
  'judge/data/dataset_dict.json',
  'judge/data/stage-manifest.json',
  'other/recipe.yaml',
  'judge/model/model.safetensors',
  'judge/model/tokenizer.json',
  '.git',
  'judge/.git',
];

/** What a recipe may name instead of a file of its own. */
export const PATHS = (outside: string, chance: Chance) =>
  chance.of([
    `${outside}/${chance.of(['token', 'toke', 'merge.yaml', 'rows.json', CANARY, 'nothing', '*', '**', '*.json*', '{token,merge.yaml}'])}`,
    `/proc/self/root${outside}/token`,
    `/proc/self/cwd/../outside/${chance.of(['token', 'rows.json', '*.json'])}`,
    `../../outside/${chance.of(['token', 'rows.json', 'merge.yaml', CANARY, '*'])}`,
    'data/../../../outside/rows.json',
    '/dev/zero',
    '/dev/stdin',
    '/proc/self/environ',
    '/proc/self/mem',
    'data/**/*',
    'new/*',
    'new/**',
    '../.git/config',
    '"a\\0b"',
    '"\\ud800"',
    'x'.repeat(5000),
    '~/.netrc',
    'file:///etc/passwd',
    '-rf',
  ]);

/** The target of a link, in the ways that lead out. */
export const TARGETS = (outside: string, chance: Chance) => {
  const file = chance.of([
    'token',
    'merge.yaml',
    'dataset.yaml',
    'recipe.yaml',
    'config.json',
    'rows.json',
    `${CANARY}.yaml`,
    `${CANARY}.jsonl`,
    CANARY,
    '',
    'nothing',
    'stage-manifest.json',
  ]);
  return chance.of([
    `${outside}/${file}`,
    `../../outside/${file}`,
    `../../../outside/${file}`,
    `../outside/${file}`,
    `/proc/self/root${outside}/${file}`,
    `/proc/self/cwd/../outside/${file}`,
    '/proc/self/environ',
    '/proc/self/cmdline',
    '/proc/self/fd/0',
    '/dev/zero',
    '/dev/random',
    '/dev/tty',
    '/dev/fd/3',
    '.',
    '..',
    '../..',
    '/',
    'new',
    '../judge/new',
    'chain-1',
    '../../workspace/judge/merge.yaml',
    'x'.repeat(300),
    `${'./'.repeat(1500)}merge.yaml`,
  ]);
};

export const NAMES = [
  "$'\\xff'",
  "$'\\xc3\\x28'",
  "$'caf\\xe9.yaml'",
  "$'\\xff\\xfer\\x00'",
  "$'\\x82\\xa0.json'",
  "$'line\\nend.yaml'",
  "$'\\x1b[31m.yaml'",
  "'::error::x.yaml'",
  "'##[error]x.yaml'",
  "$'\\u202e.yaml'",
  "$'e\\u0301.yaml'",
  "$'\\u00e9.yaml'",
  "'RECIPE.yaml'",
  "'Recipe.yaml'",
  "'..recipe.yaml'",
  "'-recipe.yaml'",
  "' recipe.yaml '",
  "'*.yaml'",
  "'[a].yaml'",
  "$(printf 'n%.0s' $(seq 255))",
  "$(printf '\\xf0\\x9f\\x98\\x80%.0s' $(seq 60))",
];

export const CONTENTS = [
  '\0'.repeat(100),
  '['.repeat(100_000),
  `${'- '.repeat(5000)}x`,
  `${'a: '.repeat(2000)}x`,
  '&a [*a, *a]',
  'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]',
  '\ufeffname: x',
  '!!js/function "x"',
  `name: ${'x'.repeat(1 << 20)}`,
  '{"a": 1e999999, "b": 123456789012345678901234567890}',
  `{"model_type": "mistral", "hidden_size": ${'9'.repeat(5000)}}`,
  'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
  'gitdir: ../outside/token\n',
  '[core]\n\tfsmonitor = touch pwned\n\tworktree = ../outside\n',
];
