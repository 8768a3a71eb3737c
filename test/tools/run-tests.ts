// Every test, fast ones first: vitest over the TypeScript, pytest over the Python, then the whole system. Arguments are
// names of these parts; without one all run but `workflows`, which needs act, and `slurm`, which needs Slurm and root.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensurePython, PlainReporter, PROJECT_ROOT } from '@prometheus-actions/stage';

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const PARTS: Record<string, (python: string) => Count> = {
  unit: () => vitest('unit'),
  python: (python) => pytest(python),
  system: () => vitest('system'),
  slurm: () => vitest('slurm'),
  workflows: () => vitest('workflows'),
};

// Most trainings of the tests take one core. By file, so that what the tests of a file share is made once.
const PYTEST_WORKERS = ['-n', '2', '--dist', 'loadfile'];

const reporter = new PlainReporter((line) => process.stdout.write(`${line}\n`));
const { python } = await ensurePython(['base', 'gpu', 'tracking', 'mergekit', 'dev'], reporter);
process.env.PROMETHEUS_TEST_PYTHON = python;
const reports = mkdtempSync(path.join(tmpdir(), 'test-reports-'));
const asked = process.argv.slice(2);
const parts = asked.length > 0 ? asked : ['unit', 'python', 'system'];
const total: Count = { passed: 0, failed: 0, skipped: 0 };
for (const part of parts) {
  const run = PARTS[part];
  if (!run) throw new Error(`no part ${part}: there are ${Object.keys(PARTS).join(', ')}`);
  reporter.info(`\n== ${part} ==`);
  const count = run(python);
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += count[key];
}
if (asked.length === 0) {
  reporter.info(
    'Not run here: the tests of the workflows, which need act, and those of several nodes, which need Slurm',
  );
  reporter.info('(npm test -- slurm, as root). bash .ci/run installs both.');
}
if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);

function vitest(project: string): Count {
  const report = path.join(reports, `${project}.json`);
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const status = run('vitest', args);
  const counts = readReport(report);
  if (!counts) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = counts;
  // A file that fails before its first test has no failed test, and still is a failure.
  const failed = Math.max(
    numFailedTests ?? 0,
    status === 0 ? 0 : 1,
    (numFailedTests ?? 0) === 0 ? (numFailedTestSuites ?? 0) : 0,
  );
  return { passed: numPassedTests ?? 0, failed, skipped: numPendingTests ?? 0 };
}

function pytest(interpreter: string): Count {
  const trainer = path.join(PROJECT_ROOT, 'packages/trainer');
  const report = path.join(reports, 'pytest.xml');
  const status = run(
    interpreter,
    ['-m', 'pytest', '-q', '-rs', ...PYTEST_WORKERS, '--junitxml', report],
    trainer,
  );
  const text = readFileSync(report, 'utf8');
  const attribute = (name: string) =>
    Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(text)?.[1] ?? 0);
  const failed = Math.max(attribute('failures') + attribute('errors'), status === 0 ? 0 : 1);
  const skipped = attribute('skipped');
  return {
    passed: attribute('tests') - attribute('failures') - attribute('errors') - skipped,
    failed,
    skipped,
  };
}

function run(command: string, args: string[], cwd = PROJECT_ROOT): number {
  return spawnSync(command, args, { cwd, stdio: 'inherit', env: process.env }).status ?? 1;
}

function readReport(file: string): Record<string, number | undefined> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number | undefined>;
  } catch {
    return undefined;
  }
}
