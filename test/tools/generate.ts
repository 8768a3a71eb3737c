// Writes what is generated: the keys of training files and launch configs from TRL and accelerate, the smoke recipes' data,
// the actions' files, the JSON Schemas of a recipe's files and their reference, the table of adapters. With --check nothing is written, and what
// differs is named.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensurePython, PlainReporter, PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';

const check = process.argv.includes('--check');
const different: string[] = [];

await runScripts(
  'dump_training_keys',
  'dump_launch_keys',
  'generate_judgements',
  'generate_support_judgements',
);
// Imported after the scripts, since they read the keys that these write.
const { actionFiles } = await import('./action-files.ts');
const { adapterTable } = await import('./adapter-table.ts');
const { recipeFiles } = await import('./recipe-files.ts');
const files = { ...actionFiles(), ...recipeFiles(), ...adapterTable() };
for (const [file, text] of Object.entries(files)) produce(file, text);
if (different.length > 0) {
  process.stderr.write(`Out of date, run npm run generate: ${different.join(', ')}\n`);
  process.exitCode = 1;
}

function produce(file: string, text: string): void {
  const target = path.join(PROJECT_ROOT, file);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) return;
  if (check) {
    different.push(file);
    return;
  }
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

async function runScripts(...names: string[]): Promise<void> {
  const { python } = await ensurePython(
    ['base', 'dev'],
    new PlainReporter((line) => process.stderr.write(`${line}\n`)),
  );
  const trainer = path.join(PROJECT_ROOT, 'packages/trainer');
  for (const name of names) {
    const command = [path.join(trainer, `scripts/${name}.py`), ...(check ? ['--check'] : [])];
    const { exitCode, stderr, stdout } = await runCommand(python, command, {
      env: { PYTHONPATH: path.join(trainer, 'src') },
    });
    if (exitCode === 0) continue;
    process.stderr.write(`${stdout}${stderr}\n`);
    different.push(`what ${name}.py writes`);
  }
}
