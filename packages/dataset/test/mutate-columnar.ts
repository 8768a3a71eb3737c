// Prepares datasets of columnar files that are changed at random: mutate-columnar.ts SEED COUNT FOLDER, with the files of
// reference.py in FOLDER. Prints what was found, as JSON. Run by a test in a process of its own, so that one that hangs can
// be killed.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError } from '@prometheus-actions/stage';
import { mutateBytes, oneOf, wholeNumbers } from '../../stage/test/mutated-bytes.ts';
import { prepareDataset } from '../src/index.ts';

const [seed = 0, count = 0] = process.argv.slice(2, 4).map(Number);
const source = process.argv[4] ?? '';
const random = wholeNumbers(seed + 1);
const folder = mkdtempSync(path.join(tmpdir(), 'columnar-'));
const SETTINGS = {
  columns: { user: 'instruction', assistant: 'output' },
  split: { test_size: 0.1, seed: 3 },
};
const NAMES = [
  'rows.parquet',
  'zstd.parquet',
  'plain.parquet',
  'delta.parquet',
  'rows.arrow',
  'rows.feather',
];
const contents = new Map(NAMES.map((name) => [name, readFileSync(path.join(source, name))]));
const outcomes: Record<string, number> = { prepared: 0, refused: 0 };
const failures: string[] = [];
let slowest = 0;
for (let index = 0; index < count; index += 1) {
  const name = oneOf(NAMES, random);
  const content = contents.get(name) as Buffer;
  // Of Parquet the schema is at the end, of Arrow at the start and, in a file, at the end again.
  const changed = mutateBytes(
    content,
    random,
    name.endsWith('.parquet') ? content.length - 700 : content.length - 400,
  );
  const file = path.join(folder, name);
  const output = path.join(folder, 'output');
  writeFileSync(file, changed);
  process.stderr.write(`${index} ${name}\n`);
  const began = performance.now();
  try {
    await prepareDataset({ source: { files: [file] }, ...SETTINGS }, output);
    outcomes.prepared = (outcomes.prepared ?? 0) + 1;
  } catch (error) {
    if (error instanceof ConfigurationError && error.hint) outcomes.refused = (outcomes.refused ?? 0) + 1;
    else failures.push(`${index} ${name}: ${(error as Error).stack}`);
  }
  const took = performance.now() - began;
  slowest = Math.max(slowest, took);
  if (took > 2000) failures.push(`${index} ${name}: ${Math.round(took)} ms`);
  rmSync(output, { recursive: true, force: true });
}
rmSync(folder, { recursive: true });
const peak = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ ...outcomes, slowest, peak, failures }));
