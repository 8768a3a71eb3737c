import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic, readRecipe } from '../src/index.ts';
import { WRONG_RECIPES, type WrongRecipe } from './wrong-recipes.ts';

const root = mkdtempSync(path.join(tmpdir(), 'all-mistakes-'));
let made = 0;

/** What is said of a recipe with these mistakes, notices aside; undefined where they don't fit into one file. */
function findings(recipe: string, mistakes: readonly WrongRecipe[]): string[] | undefined {
  const folder = path.join(root, String(made++), recipe);
  cpSync(path.join(PROJECT_ROOT, 'recipes', recipe), folder, { recursive: true });
  for (const { file, from, to, files = {} } of mistakes) {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), content);
    }
    const before = readFileSync(path.join(folder, file), 'utf8');
    if (!before.includes(from)) return undefined;
    writeFileSync(
      path.join(folder, file),
      before.replace(from, () => to),
    );
  }
  return readRecipe(folder)
    .diagnostics.filter(({ severity }) => severity !== 'notice')
    .map((finding) => formatDiagnostic(finding).replaceAll(`${folder}/`, ''))
    .sort();
}

const recipeOf = ({ recipe }: WrongRecipe) => recipe ?? 'smoke-7b';
const known = new Map<WrongRecipe, string[]>();
const aloneOf = (wrong: WrongRecipe) => {
  const found = known.get(wrong) ?? findings(recipeOf(wrong), [wrong]) ?? [];
  known.set(wrong, found);
  return found;
};
/** Beside these, another file is not named any more, or what is said of it rests on a file with a mistake. */
const APART = [
  "a path out of the recipe's folder",
  'a section that is missing',
  'adapters on the fly, and none is trained',
  'two experts trained the same way',
];
const inRecipe = WRONG_RECIPES.filter(
  ({ file, rule, title }) => file === 'recipe.yaml' && rule !== 'yaml-syntax' && !APART.includes(title),
);
const titled = (title: string) => {
  const wrong = WRONG_RECIPES.find((candidate) => candidate.title === title);
  if (!wrong) throw new Error(`no mistake is called ${title}`);
  return wrong;
};

describe('a mistake in recipe.yaml', () => {
  // In each other file: one that shows in the file alone, and one that shows beside another file.
  const others = [
    'a misspelt argument',
    'a number in quotes',
    'a template that is not Jinja',
    'a misspelt method',
    'a model folder of the merge that is not there',
    'a split without a seed',
    'a pattern that matches nothing',
    'neither files nor hub',
  ].map(titled);
  it.each(inRecipe.map((wrong) => [`${wrong.rule}: ${wrong.title}`, wrong] as const))(
    'hides none in other files, and is told once: %s',
    (_title, wrong) => {
      for (const other of others) {
        if (recipeOf(other) !== recipeOf(wrong)) continue;
        const alone = [...aloneOf(wrong), ...aloneOf(other)];
        const both = findings(recipeOf(wrong), [wrong, other]);
        expect(both, other.title).toEqual([...new Set(alone)].sort());
      }
    },
  );
});

describe('a mistake in the syntax of recipe.yaml', () => {
  const TRAINING = ['a misspelt argument', 'a number in quotes'];
  const ALL = [...TRAINING, 'a misspelt method', 'a pattern that matches nothing'];
  const SYNTAX: [title: string, from: string, to: string, stillNamed: string[]][] = [
    ['a quote that is not closed', 'merge: merge.yaml', 'merge: merge.yaml\n"name: judge', ALL],
    ['a bracket that is not closed', 'processes: 1 }', 'processes: 1', ALL],
    ['a tag', 'name: smoke-7b', 'name: !judge smoke-7b', ALL],
    ['an alias without an anchor', 'seed: 42', 'seed: *seed', ALL],
    ['an anchor that is set twice', 'name: smoke-7b', 'name: &a smoke-7b\nother: &a 1', ALL],
    // The line itself is lost, and with it the name of its file.
    ['a tab', '  absolute:', '\tabsolute:', ALL.filter((title) => !TRAINING.includes(title))],
    ['a merge key without a mapping', 'name: smoke-7b', 'name: smoke-7b\n<<: 1', ALL],
    ['a second document', 'merge: merge.yaml', 'merge: merge.yaml\n---\nname: other', ALL],
    ['a line without a colon', 'name: smoke-7b', 'name smoke-7b', ALL],
  ];

  it.each(SYNTAX)('is told alone of that file, and hides none in others: %s', (_, from, to, stillNamed) => {
    const wrong = { ...titled('a tab in the indentation'), from, to };
    const own = findings('smoke-7b', [wrong]) ?? [];
    expect(own).toEqual([expect.stringMatching(/^recipe\.yaml:\d+:\d+: error: .*\[yaml-syntax\]/)]);
    for (const title of ALL) {
      const found = findings('smoke-7b', [wrong, titled(title)]);
      const others = stillNamed.includes(title) ? aloneOf(titled(title)) : [];
      expect(found, title).toEqual([...others, ...own].sort());
    }
  });
});

describe('a recipe with mistakes in all of its files', () => {
  /** Mistakes by file: what is written, what instead, and the finding's place and rule. */
  const MISTAKES: [file: string, from: string, to: string, found: string][] = [
    ['recipe.yaml', 'name: smoke-7b', 'name: smoke 7b', '4:7 bad-value'],
    ['recipe.yaml', 'tokenizer: mistral-v1', 'tokeniser: mistral-v1', '5:67 unknown-key'],
    ['recipe.yaml', 'sft: absolute.yaml }', 'sft: absolute.yaml, seed: 1 }', '8:65 unknown-key'],
    ['recipe.yaml', 'processes: 1', 'processes: two', '10:35 wrong-type'],
    ['recipe.yaml', 'merge: merge.yaml', 'merge: { config: merge.yaml, seed: one }', '11:36 wrong-type'],
    ['dataset.yaml', 'feedback.json }', 'fedback.json }', '4:20 missing-file'],
    [
      'dataset.yaml',
      'source: { files: data/preference.parquet }',
      'source: { file: x }',
      '11:13 unknown-key',
    ],
    ['absolute.yaml', 'learning_rate', 'lerning_rate', '9:1 unknown-key'],
    ['relative.yaml', 'max_length: 4096', 'max_length: long', '13:13 wrong-type'],
    ['merge.yaml', 'merge_method: linear', 'merge_method: lineer', '8:15 bad-value'],
  ];

  it('reports all of them, each once', () => {
    const found = readWith(MISTAKES);
    const expected = MISTAKES.map(([file, , , place]) => `${file}:${place}`);
    expect(found.sort()).toEqual(expected.sort());
  });

  it('reports contradictions between two files, as far as both are known', () => {
    const together: typeof MISTAKES = [
      ['recipe.yaml', 'name: smoke-7b', 'nme: smoke-7b', '4:1 unknown-key'],
      ['dataset.yaml', 'feedback-collection:', 'feedback:', ''],
      ['absolute.yaml', 'global_batch_size: 8', 'global_batch_size: 6', '6:20 indivisible-batch'],
      ['merge.yaml', 'model: ${relative}', 'model: ${realtive}', '6:12 unknown-name'],
    ];
    expect(readWith(together).sort()).toEqual(
      ['recipe.yaml:8:24 unknown-name', ...together.map(([file, , , place]) => place && `${file}:${place}`)]
        .filter(Boolean)
        .sort(),
    );
    // A misspelt key is taken for the one that was meant.
    const misspelt: typeof MISTAKES = [
      ['recipe.yaml', 'experts:', 'expert:', '7:1 unknown-key'],
      ['recipe.yaml', 'processes: 1', 'proceses: 4', '10:24 unknown-key'],
      ['absolute.yaml', 'learning_rate', 'lerning_rate', '9:1 unknown-key'],
      ['relative.yaml', 'global_batch_size: 8', 'global_batch_size: 6', '6:20 indivisible-batch'],
    ];
    expect(readWith(misspelt).sort()).toEqual(misspelt.map(([file, , , place]) => `${file}:${place}`).sort());
    // Not of the batch where the processes are not known, nor of experts in the merge where their names are not.
    const unknown: typeof MISTAKES = [
      ['recipe.yaml', 'processes: 1', 'processes: two', '10:35 wrong-type'],
      ['absolute.yaml', 'global_batch_size: 8', 'global_batch_size: 6', ''],
      ['recipe.yaml', 'experts:', 'judges:', '7:1 unknown-key'],
    ];
    expect(readWith(unknown).sort()).toEqual([
      'recipe.yaml:10:35 wrong-type',
      'recipe.yaml:4:1 missing-key',
      'recipe.yaml:7:1 unknown-key',
    ]);
  });

  function readWith(mistakes: typeof MISTAKES) {
    const folder = path.join(root, String(made++), 'smoke-7b');
    cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
    for (const [file, from, to] of mistakes) {
      const before = readFileSync(path.join(folder, file), 'utf8');
      expect(before, file).toContain(from);
      writeFileSync(
        path.join(folder, file),
        before.replace(from, () => to),
      );
    }
    return readRecipe(folder)
      .diagnostics.filter(({ severity }) => severity !== 'notice')
      .map(({ file, line, column, code }) => `${path.basename(file)}:${line}:${column} ${code}`);
  }
});
