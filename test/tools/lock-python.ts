// Locks the Python packages: the newest versions that pyproject.toml allows, with hashes, for every platform. No
// address of a registry stands in a lock, so that mirrors can be used.
import path from 'node:path';
import { ensureUv, PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';

const TRAINER = path.join(PROJECT_ROOT, 'packages/trainer');
const COMMON = [
  'pip',
  'compile',
  '--universal',
  '--python-version',
  '3.11',
  '--generate-hashes',
  '--no-header',
  '--quiet',
];
const uv = await ensureUv(path.join(PROJECT_ROOT, '.venv'));
const project = path.join(TRAINER, 'pyproject.toml');
const base = path.join(TRAINER, 'requirements.lock');

await lock([project, '--upgrade', '-o', base]);
for (const extra of ['gpu', 'tracking', 'mergekit'])
  await lock([project, '--extra', extra, '-c', base, '-o', path.join(TRAINER, `requirements-${extra}.lock`)]);
await lock(['--group', 'build', '-c', base, '-o', path.join(TRAINER, 'requirements-build.lock')]);
await lock([project, '--group', 'dev', '-c', base, '-o', path.join(TRAINER, 'requirements-dev.lock')]);

async function lock(args: string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(uv, [...COMMON, ...args], { cwd: TRAINER, kept: /^UV_/ });
  if (exitCode !== 0) throw new Error(`uv could not lock:\n${stderr}`);
}
