// Runs the actions validate-recipe and prepare-dataset in workspaces that are made to do harm, one after the other, and
// prints what they did that they must not: `node try-workspaces.ts SEED NUMBER`.
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ActionContext, ConfigurationError, confined, PROJECT_ROOT } from '@prometheus-actions/stage';
import { prepareDatasetRequest } from '../../src/requests/prepare-dataset-request.ts';
import { stageAction } from '../../src/stage-action.ts';
import { validateAction } from '../../src/validate-action.ts';
import { CANARY, Chance } from './hostile-parts.ts';
import { makeHostileWorkspace, makeMachine } from './hostile-workspace.ts';

const MOST_SECONDS = 5;
const [seed = 1, number = 1] = process.argv.slice(2).map(Number);
const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'hostile-')));
const [root, outside] = [path.join(top, 'workspace'), path.join(top, 'outside')];
const around = readdirSync(tmpdir());
const failures: string[] = [];
const ends = { valid: 0, refused: 0, prepared: 0, notPrepared: 0 };
let slowest = 0;

process.env.GITHUB_ACTIONS = 'true';
process.env.GITHUB_WORKSPACE = root;
process.env.RUNNER_TOOL_CACHE = path.join(top, 'tools');
process.env.HF_HUB_OFFLINE = '1';
mkdirSync(outside);
makeMachine(outside);
const machine = stateOf(outside);
for (let each = 0; each < number; each += 1) {
  mkdirSync(root);
  const done = makeHostileWorkspace(root, outside, new Chance(seed * 1_000_003 + each));
  // Whoever looks for a run that hangs finds the last line here.
  writeSync(2, `${seed}/${each}: ${done.join('; ')}\n`);
  process.chdir(root);
  await attempt(
    done,
    { 'sarif-file': 'recipes.sarif' },
    validateAction,
    (failed) => (ends[failed ? 'refused' : 'valid'] += 1),
  );
  const files = new Chance(each).of([
    'judge/data',
    'judge/data/one.json',
    'judge/data/*',
    'judge/**',
    'judge/new',
  ]);
  const inputs =
    new Chance(each).below(2) === 0
      ? { recipe: 'judge', dataset: 'two', 'artifacts-dir': 'out' }
      : { files, 'output-dir': 'out/prepared', 'test-size': '0' };
  await attempt(
    done,
    inputs,
    (action) => stageAction(prepareDatasetRequest, action),
    (failed) => (ends[failed ? 'notPrepared' : 'prepared'] += 1),
  );
  process.chdir(top);
  rmSync(root, { recursive: true, force: true });
}
rmSync(top, { recursive: true, force: true });
const left = readdirSync(tmpdir()).filter(
  (name) => /^(judge|out|\.git|chain-\d+|\w+\.(yaml|sarif|html))$/.test(name) && !around.includes(name),
);
if (left.length > 0) failures.push(`${seed}: left in the temporary folder: ${left.join(', ')}`);
process.stdout.write(JSON.stringify({ failures, ends, slowest }));

/** Runs one action as `runAction` does, and looks at all that it said and wrote. */
async function attempt(
  done: readonly string[],
  inputs: Record<string, string>,
  action: (context: ActionContext) => Promise<void>,
  count: (failed: boolean) => void,
): Promise<void> {
  for (const [name, value] of Object.entries(inputs)) process.env[`INPUT_${name.toUpperCase()}`] = value;
  const said: unknown[] = [];
  const tell = (...texts: unknown[]) => said.push(texts);
  const reporter = {
    info: tell,
    notice: tell,
    warning: tell,
    error: tell,
    startStage: () => ({ phase: tell, progress: tell, line: tell, end: tell }),
  };
  const before = new Set(filesBelow(root));
  const started = Date.now();
  let problem: string | undefined;
  try {
    await confined({ root, also: [PROJECT_ROOT], outside: 'by name' }, () =>
      action({ reporter, signal: new AbortController().signal, setOutput: tell, addSummary: tell }),
    );
    count(false);
  } catch (error) {
    count(true);
    said.push((error as Error).message);
    if (!(error instanceof ConfigurationError)) problem = `a stack: ${(error as Error).stack}`;
  }
  const seconds = (Date.now() - started) / 1000;
  slowest = Math.max(slowest, seconds);
  if (seconds > MOST_SECONDS) problem ??= `${seconds} s`;
  const written = filesBelow(root).filter((file) => !before.has(file));
  // Data that the recipe names outside, in a run with the right to do so, are what is prepared.
  const isNamed = done.some((each) => each.includes(`dataset.yaml: ${outside}`));
  const all = [JSON.stringify(said), ...(isNamed ? [] : written.map(contentOf))].join('\n');
  // Where such data are wrong, the message names the file.
  const text = isNamed ? all.replaceAll(new RegExp(`${outside}/[\\w./-]*`, 'g'), '') : all;
  const at = text.indexOf(CANARY);
  // A path that the recipe itself names may be said again.
  if (at >= 0 && !done.join().includes(CANARY))
    problem ??= `told: ${text.slice(Math.max(0, at - 200), at + 100)}`;
  if (stateOf(outside) !== machine) problem ??= 'the machine has changed';
  if (problem !== undefined)
    failures.push(`${seed}: ${done.join('; ')}; ${JSON.stringify(inputs)}: ${problem}`);
  for (const name of Object.keys(inputs)) delete process.env[`INPUT_${name.toUpperCase()}`];
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const file = path.join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(file) : entry.isFile() ? [file] : [];
    });
  } catch {
    return [];
  }
}

function contentOf(file: string): string {
  try {
    const { size, nlink } = lstatSync(file);
    return size < 10_000_000 && nlink === 1 ? readFileSync(file, 'latin1') : '';
  } catch {
    return '';
  }
}

/** Names, kinds, times and contents of all that is in a folder. */
function stateOf(folder: string): string {
  const hash = createHash('sha256');
  const look = (each: string) => {
    for (const entry of readdirSync(each, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const file = path.join(each, entry.name);
      const { mode, size, mtimeMs } = lstatSync(file);
      hash.update(`${file} ${mode} ${entry.isDirectory() ? '' : `${size} ${mtimeMs}`}\n`);
      if (entry.isDirectory()) look(file);
      else hash.update(entry.isSymbolicLink() ? readlinkSync(file) : readFileSync(file));
    }
  };
  look(folder);
  return hash.digest('hex');
}
