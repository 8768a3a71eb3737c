// Bundles every action into its dist/ with ncc, and what it runs in threads of their own, which stands beside its main.ts,
// into a folder each there. With --check the committed bundles are compared with fresh ones: ncc writes the same bytes
// from the same sources.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listFiles, PROJECT_ROOT, runCommand } from '@prometheus-actions/stage';

const check = process.argv.includes('--check');
const actions = readdirSync(path.join(PROJECT_ROOT, 'actions')).sort();

for (const action of actions) {
  const sources = path.join(PROJECT_ROOT, 'actions', action, 'src');
  const dist = path.join(PROJECT_ROOT, 'actions', action, 'dist');
  const target = check ? mkdtempSync(path.join(tmpdir(), 'bundle-')) : dist;
  if (!check) rmSync(dist, { recursive: true, force: true });
  for (const source of readdirSync(sources)) {
    const folder = source === 'main.ts' ? target : path.join(target, path.basename(source, '.ts'));
    const failure = await bundle(path.join(sources, source), folder);
    if (failure === undefined) continue;
    process.stderr.write(`${action}:\n${failure}\n`);
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

/** @returns what ncc says where it fails */
async function bundle(source: string, folder: string): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await runCommand('ncc', [
    'build',
    source,
    '-o',
    folder,
    '--license',
    'licenses.txt',
  ]);
  if (exitCode !== 0) return `${stdout}${stderr}`;
  // A path in the sources that ncc takes for that of a file beside them: it copies what it finds by it.
  const copied = readdirSync(folder).find(
    (name) => !/\.index\.js$|^(index\.js|licenses\.txt|package\.json|lane-thread)$/.test(name),
  );
  return copied && `ncc copied ${copied} into ${folder}: write the path that it followed in another way`;
}

async function compare(committed: string, fresh: string): Promise<string | undefined> {
  const [before, after] = [await listFiles(committed), await listFiles(fresh)];
  if (before.join() !== after.join()) return `files ${before.join(' ')} instead of ${after.join(' ')}`;
  return before.find(
    (file) => !readFileSync(path.join(committed, file)).equals(readFileSync(path.join(fresh, file))),
  );
}
