// Everything that is checked and not tested: formatting and lint, types, unused code, generated files, bundles.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ensurePython, PlainReporter, PROJECT_ROOT } from '@prometheus-actions/stage';

const { python } = await ensurePython(
  ['base', 'dev'],
  new PlainReporter((line) => process.stdout.write(`${line}\n`)),
);
const bin = path.dirname(python);

const CHECKS: [string, string, string[]][] = [
  ['TypeScript: format and lint', 'biome', ['check', '--error-on-warnings', '.']],
  ['TypeScript: types', 'tsc', ['--noEmit', '-p', '.']],
  ['TypeScript: unused code', 'knip', []],
  ['Python: lint', path.join(bin, 'ruff'), ['check', 'packages/trainer', 'test']],
  ['Python: format', path.join(bin, 'ruff'), ['format', '--check', 'packages/trainer', 'test']],
  ['Python: types', 'pyright', ['-p', 'packages/trainer', '--pythonpath', python]],
  ['generated files', 'node', ['test/tools/generate.ts', '--check']],
  ['bundles', 'node', ['test/tools/build-bundles.ts', '--check']],
];

const failed = CHECKS.filter(([title, command, args]) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: PROJECT_ROOT, encoding: 'utf8' });
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${title}\n`);
  if (status !== 0) process.stdout.write(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}\n`);
  return status !== 0;
});
if (failed.length > 0) process.exitCode = 1;
process.stdout.write(`${CHECKS.length - failed.length} passed, ${failed.length} failed\n`);
