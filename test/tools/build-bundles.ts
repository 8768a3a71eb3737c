// Bundles every action into its dist/ with ncc. With --check the committed bundles are compared with fresh ones: ncc
// writes the same bytes from the same sources.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listFiles, PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';

const check = process.argv.includes('--check');
const actions = readdirSync(path.join(PROJECT_ROOT, 'actions')).sort();

for (const action of actions) {
  const source = path.join(PROJECT_ROOT, 'actions', action, 'src/main.ts');
  const dist = path.join(PROJECT_ROOT, 'actions', action, 'dist');
  const target = check ? mkdtempSync(path.join(tmpdir(), 'bundle-')) : dist;
  if (!check) rmSync(dist, { recursive: true, force: true });
  const { exitCode, stdout, stderr } = await runCommand('ncc', [
    'build',
    source,
    '-o',
    target,
    '--license',
    'licenses.txt',
  ]);
  if (exitCode !== 0) {
    process.stderr.write(`${action}:\n${stdout}${stderr}\n`);
    process.exit(1);
  }
  if (!check) {
    process.stdout.write(`built ${action}\n`);
    continue;
  }
  const difference = await compare(dist, target);
  rmSync(target, { recursive: true });
  if (difference) {
    process.stderr.write(`actions/${action}/dist is out of date (${difference}): run npm run build\n`);
    process.exitCode = 1;
  }
}

async function compare(committed: string, fresh: string): Promise<string | undefined> {
  const [before, after] = [await listFiles(committed), await listFiles(fresh)];
  if (before.join() !== after.join()) return `files ${before.join(' ')} instead of ${after.join(' ')}`;
  return before.find(
    (file) => !readFileSync(path.join(committed, file)).equals(readFileSync(path.join(fresh, file))),
  );
}
