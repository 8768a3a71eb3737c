import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

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

/** Files of a machine that nobody but their owner should see: of every kind that a check or a stage reads. */
export function makeMachine(folder: string): void {
  const rows = Array.from({ length: 20 }, (_, row) => ({
    instruction: `${CANARY} ${row}`,
    output: `${CANARY} [RESULT] 1`,
  }));
  const files: Record<string, string> = {
    token: CANARY,
    [`${CANARY}.yaml`]: `name: ${CANARY}\n${CANARY}: [${CANARY}`,
    'merge.yaml': `merge_method: ${CANARY}\n`,
    'dataset.yaml': `${CANARY}: { source: { files: ${CANARY} } }\n`,
    'recipe.yaml': `name: ${CANARY}\n`,
    'config.json': `{"model_type": "${CANARY}", "hidden_size": "${CANARY}"}`,
    'rows.json': JSON.stringify(rows),
    [`${CANARY}.jsonl`]: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    'stage-manifest.json': JSON.stringify({ manifest_version: 1, outputs: [], stage: CANARY, title: CANARY }),
    'state.json': JSON.stringify({ _data_files: [{ filename: `${CANARY}.arrow` }] }),
  };
  mkdirSync(path.join(folder, CANARY), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), text);
    writeFileSync(path.join(folder, CANARY, name), text);
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
const FILES: Record<string, string> = {
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
const FOLDERS = ['judge', 'judge/data', 'judge/model'];
/** Places that an action writes to. */
const WRITTEN = [
  'recipes.sarif',
  'out',
  'out/prepared',
  'out/prepared.log',
  'out/.prepared.lock',
  'report.html',
];
const NEW = [
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
const PATHS = (outside: string, chance: Chance) =>
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
const TARGETS = (outside: string, chance: Chance) => {
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

const NAMES = [
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

const CONTENTS = [
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

/**
 * Makes a workspace that somebody made to read, write, hang or break what is not theirs.
 *
 * @param root the folder to make, whose neighbour `outside` is the machine's
 * @returns what was done, for whoever has to find out why something went wrong
 */
export function makeHostileWorkspace(root: string, outside: string, chance: Chance): string[] {
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  const done: string[] = [];
  for (let number = 1 + chance.below(4); number > 0; number -= 1) {
    const { name, make } = chance.of(CHANGES);
    const file = chance.of([...Object.keys(FILES), ...Object.keys(FILES), ...FOLDERS, ...NEW, ...WRITTEN]);
    const said = make({ root, outside, chance, file, at: path.join(root, file) });
    done.push(`${name} ${file} ${said ?? ''}`.slice(0, 200));
  }
  return done;
}

interface Place {
  root: string;
  outside: string;
  chance: Chance;
  file: string;
  at: string;
}

/** Makes room for something in its place. An earlier change may have made a link of a folder on the way. */
const cleared = ({ root, at }: Place) => {
  requireInside(root, path.dirname(at));
  rmSync(at, { recursive: true, force: true });
  mkdirSync(path.dirname(at), { recursive: true });
};

/** Throws where a folder, or the nearest one above it that is there, is not really in the workspace. */
function requireInside(root: string, folder: string): void {
  if (!lstatSync(folder, { throwIfNoEntry: false })) return requireInside(root, path.dirname(folder));
  const real = realpathSync.native(folder);
  if (real !== root && !real.startsWith(`${root}/`)) throw new Error(`${folder} leads to ${real}`);
}

const bash = (script: string, cwd: string, ...args: string[]) => {
  try {
    execFileSync('bash', ['-c', script, '-', ...args], { cwd, stdio: 'ignore' });
  } catch {
    // Where this machine can't make it, the workspace is tried without.
  }
};
/** Some places can't be made below what an earlier change put there. */
const tried = (make: (place: Place) => string | undefined) => (place: Place) => {
  try {
    return make(place);
  } catch {
    return 'could not be made';
  }
};

const CHANGES: { name: string; make: (place: Place) => string | undefined }[] = [
  ...Array.from({ length: 5 }, () => ({
    name: 'link',
    make: tried((place) => {
      const target = TARGETS(place.outside, place.chance);
      cleared(place);
      symlinkSync(target, place.at);
      return target;
    }),
  })),
  {
    name: 'chain of links',
    make: tried((place) => {
      const target = TARGETS(place.outside, place.chance);
      const length = 1 + place.chance.below(50);
      cleared(place);
      const name = (link: number) => path.join(path.dirname(place.at), `chain-${link}`);
      for (let link = 1; link <= length; link += 1)
        symlinkSync(link === length ? target : `chain-${link + 1}`, name(link));
      symlinkSync('chain-1', place.at);
      return `${length} to ${target}`;
    }),
  },
  {
    name: 'link through a name that is not UTF-8',
    make: tried((place) => {
      const target = TARGETS(place.outside, place.chance);
      cleared(place);
      bash(
        `ln -s -- "$1" ${place.chance.of(NAMES.slice(0, 5))}; ln -s -- ${NAMES[0]} "$2"`,
        path.dirname(place.at),
        target,
        place.at,
      );
      return target;
    }),
  },
  {
    name: 'name',
    make: tried(({ chance, root, outside }) => {
      const name = chance.of(NAMES);
      const folder = chance.of(['.', 'judge', 'judge/data', 'judge/model']);
      const what = chance.of([
        'touch --',
        'mkdir --',
        `ln -s -- ${outside}/token`,
        'cp -r judge/model',
        'cp judge/recipe.yaml',
      ]);
      requireInside(root, path.join(root, folder));
      bash(`cd "$1"; ${what} ${folder}/${name}`, root, root);
      return `${what} ${folder}/${name}`;
    }),
  },
  {
    name: 'hard link',
    make: tried((place) => {
      const name = place.chance.of(['token', 'merge.yaml', 'rows.json', 'config.json', 'recipe.yaml']);
      cleared(place);
      linkSync(path.join(place.outside, name), place.at);
      return name;
    }),
  },
  {
    name: 'special file',
    make: tried((place) => {
      const script = place.chance.of([
        'mkfifo "$1"',
        'mknod "$1" c 1 5',
        'mknod "$1" c 1 8',
        `python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"`,
        'truncate -s 8T "$1"',
        'truncate -s 300M "$1"',
        'truncate -s 3M "$1"',
        'head -c 5000000 /dev/zero | tr "\\0" " " > "$1"',
        'printf "[" > "$1"; truncate -s 2T "$1"',
      ]);
      cleared(place);
      bash(script, place.root, path.relative(place.root, place.at));
      return script;
    }),
  },
  {
    name: 'content',
    make: tried((place) => {
      const text = place.chance.of(CONTENTS);
      cleared(place);
      writeFileSync(place.at, text);
      return JSON.stringify(text.slice(0, 60));
    }),
  },
  ...Array.from({ length: 4 }, () => ({
    name: 'path in',
    make: tried((place: Place) => {
      const { root, outside, chance } = place;
      const file = chance.of(['judge/recipe.yaml', 'judge/dataset.yaml', 'judge/merge.yaml']);
      const named = PATHS(outside, chance);
      const text = FILES[file] as string;
      const names = [...text.matchAll(/(?<=(?:dataset|sft|merge|path|config|files|model): )[^\s,}]+/g)];
      const one = chance.of(names);
      const quoted = named.startsWith('"') ? named : JSON.stringify(named);
      cleared({ ...place, at: path.join(root, file) });
      writeFileSync(
        path.join(root, file),
        text.slice(0, one.index) + quoted + text.slice(one.index + one[0].length),
      );
      return `${file}: ${named}`;
    }),
  })),
  {
    name: 'submodule',
    make: tried((place) => {
      cleared(place);
      mkdirSync(place.at);
      writeFileSync(path.join(place.at, '.git'), `gitdir: ${place.outside}\n`);
      writeFileSync(
        path.join(place.root, '.gitmodules'),
        `[submodule "x"]\n\tpath = ${place.file}\n\turl = ${place.outside}\n`,
      );
      return undefined;
    }),
  },
  {
    name: 'deep folders',
    make: tried((place) => {
      cleared(place);
      bash(
        'for i in $(seq 25); do mkdir "$1" && cd "$1" || exit; done; ln -s "$2" t; touch recipe.yaml',
        place.root,
        'd'.repeat(200),
        place.outside,
      );
      symlinkSync(`${Array(19).fill('d'.repeat(200)).join('/')}/t`, place.at);
      return undefined;
    }),
  },
];
