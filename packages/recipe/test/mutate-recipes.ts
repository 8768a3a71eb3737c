// Checks recipes that are changed at random: mutate-recipes.ts SEED COUNT. Prints what was found, as JSON. Run by a test in
// a process of its own, so that one that hangs can be killed.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { fixFiles, formatWithSource, makePlan, readRecipe } from '../src/index.ts';
import { mutate, randomNumbers } from './mutated-files.ts';

const RECIPES = fileURLToPath(new URL('../../../recipes', import.meta.url));
const FILES = ['recipe.yaml', 'dataset.yaml', 'absolute.yaml', 'relative.yaml', 'merge.yaml'];
/** Keys of one file, to stand in another. */
const KEYS = [
  'experts',
  'name',
  'merge',
  'hub',
  'files',
  'columns',
  'launch',
  'parameters',
  'learning_rate',
  '__proto__',
];
const [seed = 0, count = 0] = process.argv.slice(2).map(Number);

const BYTES = [
  0, 9, 10, 13, 27, 34, 39, 45, 58, 91, 93, 123, 125, 35, 38, 42, 33, 124, 62, 37, 64, 96, 0xc3, 0xe2, 0xff,
];
const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ': ',
  '- ',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!!binary ',
  '!!js/function ',
  '? ',
  '|\n',
  '>-\n',
  '---\n',
  '...\n',
  '<<: ',
  '\t',
  '\u202e',
  '\u0000',
  '${',
  '}',
  '{{',
  '{%',
  '%}',
  '.inf',
  '.nan',
  '-0',
  '1e999',
  '0x7fffffffffffffff',
  'null',
  '~',
  'yes',
  '2026-01-01',
  '__proto__',
  'constructor',
  'toString',
  '../../..',
  '/',
  'x'.repeat(5000),
  '[['.repeat(200),
];
/** Whole numbers from 0 to below a limit. */
type Random = (limit: number) => number;
const oneOf = <Value>(values: readonly Value[], random: Random) => values[random(values.length)] as Value;

function changeBytes(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  for (let left = 1 + random(4); left > 0; left -= 1) bytes[random(bytes.length)] = oneOf(BYTES, random);
  return bytes;
}

function changeTokens(text: string, random: Random): string {
  let result = text;
  for (let left = 1 + random(3); left > 0; left -= 1) {
    const at = random(result.length + 1);
    const removed = random(3) === 0 ? random(40) : 0;
    result = result.slice(0, at) + oneOf(TOKENS, random) + result.slice(at + removed);
  }
  return result;
}

function changeLines(text: string, random: Random): string {
  const lines = text.split('\n');
  const [from, to] = [random(lines.length), random(lines.length)];
  const [line = ''] = random(2) === 0 ? lines.splice(from, 1) : lines.slice(from, from + 1);
  lines.splice(to, 0, random(3) === 0 ? ` ${line}` : line);
  return lines.join('\n');
}

/** Values replaced, keys removed, misspelt or added. */
function changeStructure(text: string, random: Random): string {
  return stringify(mutate(parse(text), KEYS, () => random(2 ** 32) / 2 ** 32));
}

const CHANGES = [changeBytes, changeTokens, changeLines, changeStructure];

const fraction = randomNumbers(seed + 1);
const random: Random = (limit) => Math.floor(fraction() * limit);
const root = mkdtempSync(path.join(tmpdir(), 'mutated-'));
const failures: string[] = [];
const outcomes = { planned: 0, refused: 0 };
let slowest = 0;
for (const name of ['smoke-7b', 'smoke-8x7b', 'prometheus-8x7b-v2.0'])
  cpSync(path.join(RECIPES, name), path.join(root, name), { recursive: true });
for (let index = 0; index < count; index += 1) {
  const folder = path.join(root, oneOf(['smoke-7b', 'smoke-8x7b', 'prometheus-8x7b-v2.0'], random));
  const file = path.join(folder, oneOf(FILES, random));
  const text = readFileSync(file, 'utf8');
  const changed = oneOf(CHANGES, random)(text, random);
  writeFileSync(file, changed);
  const began = performance.now();
  try {
    const { recipe, diagnostics } = readRecipe(folder);
    for (const diagnostic of diagnostics) formatWithSource(diagnostic);
    if (recipe) makePlan(recipe, path.join(root, 'artifacts'));
    const isTold = diagnostics.some(({ severity }) => severity === 'error');
    if (!recipe && !isTold) failures.push(`${file}: neither a plan nor an error`);
    if (diagnostics.some(({ line, column }) => !(line >= 1 && column >= 1)))
      failures.push(`${file}: no place`);
    fixFiles(diagnostics);
    outcomes[recipe ? 'planned' : 'refused'] += 1;
  } catch (error) {
    failures.push(`${file}: ${(error as Error).stack}\n${String(changed).slice(0, 2000)}`);
  }
  const took = performance.now() - began;
  slowest = Math.max(slowest, took);
  if (took > 2000) failures.push(`${file}: ${took} ms\n${String(changed).slice(0, 2000)}`);
  for (const name of FILES) cpSync(path.join(RECIPES, path.basename(folder), name), path.join(folder, name));
}
rmSync(root, { recursive: true });
process.stdout.write(JSON.stringify({ ...outcomes, slowest, failures }));
