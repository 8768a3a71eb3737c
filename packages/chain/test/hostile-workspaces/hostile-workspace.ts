import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CANARY,
  type Chance,
  CONTENTS,
  FILES,
  FOLDERS,
  NAMES,
  NEW,
  PATHS,
  TARGETS,
  WRITTEN,
} from './hostile-parts.ts';

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

/**
 * Makes a workspace that somebody made to read, write, hang or break what is not theirs.
 *
 * @param root the folder to make, whose neighbour `outside` is the machine's
 * @returns what was done, to find the cause of a failure
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
