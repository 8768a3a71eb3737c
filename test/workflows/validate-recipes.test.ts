import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../system/command.ts';
import { act, makeRepository, projectCopy } from './act.ts';

const { folder: project } = projectCopy();

function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' }).trim();
}

/** Replaces a text of a file; the file as it is then. */
function edit(folder: string, file: string, from: string | RegExp, to: string): string {
  const target = path.join(folder, file);
  const before = readFileSync(target, 'utf8');
  const after = before.replace(from, () => to);
  expect(after, `${file} has ${from}`).not.toBe(before);
  writeFileSync(target, after);
  return after;
}

/** A pull request of a change to a repository, run as by an outsider: a fork, and no secrets. */
function pullRequest(folder: string, workflow: string, change: () => void, args: string[] = []) {
  const base = git(folder, 'rev-parse', 'HEAD');
  try {
    change();
    git(folder, 'commit', '--quiet', '--all', '--message=change');
    const head = git(folder, 'rev-parse', 'HEAD');
    const event = path.join(temporaryFolder(), 'event.json');
    const payload = {
      number: 7,
      base: { sha: base, ref: 'main', repo: { fork: false } },
      head: { sha: head, ref: 'main', repo: { fork: true, full_name: 'outsider/judges' } },
    };
    writeFileSync(event, JSON.stringify({ action: 'synchronize', number: 7, pull_request: payload }));
    return act(folder, ['pull_request', '-W', workflow, '--eventpath', event, ...args]);
  } finally {
    git(folder, 'reset', '--quiet', '--hard', base);
  }
}

const validate = (change: () => void) =>
  pullRequest(project, '.github/workflows/validate-recipes.yml', change);

/** The workflow commands of annotations, as the runner gets them. */
function annotations(output: string): string[] {
  return [...output.matchAll(/::(?:error|warning|notice)(?: [^:\n]*)?::.*/g)].map(([line]) => line);
}

describe('validate-recipes.yml', () => {
  it('gives a pull request nothing but to read the repository', () => {
    const text = readFileSync(path.join(PROJECT_ROOT, '.github/workflows/validate-recipes.yml'), 'utf8');
    expect(text).not.toMatch(/secrets|pull_request_target|github\.token/);
    expect([...text.matchAll(/^ *([\w-]+): (read|write)/gm)].map(([, name, kind]) => [name, kind])).toEqual([
      ['contents', 'read'],
    ]);
    expect(text).toContain('persist-credentials: false');
  });

  it('passes a change that is right, and says what it means', () => {
    const { code, output } = validate(() => {
      edit(
        project,
        'recipes/prometheus-7b-v2.0/absolute.yaml',
        /^learning_rate: \S+/m,
        'learning_rate: 2.0e-5',
      );
      edit(project, 'recipes/accelerate/ddp.yaml', 'debug: false', 'debug: true');
      edit(project, 'recipes/accelerate/cpu.yaml', 'mixed_precision: "no"', 'mixed_precision: bf16');
    });
    expect(code, output.slice(-4000)).toBe(0);
    expect(output).toContain('::set-output:: valid=true');
    expect(output).toContain('| recipes/prometheus-7b-v2.0 | right | 2 of 5 stages run again |');
    expect(output).toContain('| recipes/prometheus-8x7b-v2.0 | right | same |');
    expect(output).toMatch(/What prometheus-7b-v2\.0 costs[^]*\| trained parameters \| 7\.24 billion \|/);
    expect(output).toContain('- learning&#95;rate of absolute: 1e-5 → 2e-5');
    expect(output).toContain('- runs again: `model-merge`, since sft-train/absolute runs again');
    expect(output).toContain('- stays as it is: `prepare-dataset/feedback-collection`');
    // The launch config is the project's own: its earlier state is that of the base.
    expect(output).toContain('- mixed&#95;precision of the launch config cpu: no → bf16');
    expect(annotations(output).filter((line) => line.startsWith('::error'))).toEqual([]);
  });

  it('fails a change that breaks a recipe, on its lines', () => {
    let line = 0;
    const { code, output } = validate(() => {
      const text = edit(project, 'recipes/smoke-7b/absolute.yaml', 'learning_rate:', 'lerning_rate:');
      line = text.slice(0, text.indexOf('lerning_rate')).split('\n').length;
      edit(project, 'recipes/smoke-7b/dataset.yaml', 'test_size: 0.05', 'test_size: -1');
    });
    expect(code).not.toBe(0);
    const dataset = readFileSync(path.join(project, 'recipes/smoke-7b/dataset.yaml'), 'utf8');
    const before = dataset.slice(0, dataset.indexOf('0.05')).split('\n');
    const place = `line=${before.length},col=${(before.at(-1)?.length ?? 0) + 1}`;
    expect(annotations(output).filter((text) => text.startsWith('::error'))).toEqual([
      expect.stringMatching(
        `^::error file=recipes/smoke-7b/absolute.yaml,line=${line},col=1::unknown key lerning_rate.*Did you mean learning_rate`,
      ),
      expect.stringContaining(`::error file=recipes/smoke-7b/dataset.yaml,${place}::`),
      '::error::2 errors in recipes/smoke-7b',
    ]);
    expect(output).toMatch(/^\| error \| \[recipes\/smoke-7b\/absolute\.yaml:\d+:1\]\(https:/m);
    expect(output).toContain('| recipes/smoke-7b | 2 errors |');
    expect(output).toContain('::set-output:: errors=2');
    expect(output).toContain('::set-output:: valid=false');
  });

  it('annotates ten of 25 mistakes, the most severe first, and lists all in the summary', () => {
    const mistakes = Array.from({ length: 25 }, (_, index) => `mistake_${index}: ${index}\n`).join('');
    const { code, output } = validate(() => {
      edit(
        project,
        'recipes/smoke-7b/absolute.yaml',
        /^profile/m,
        `max_seq_length: 4096\n${mistakes}profile`,
      );
    });
    expect(code).not.toBe(0);
    const told = annotations(output);
    const errors = told.filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(10);
    expect(told.slice(0, 9)).toEqual(errors.slice(0, 9));
    expect(errors[0]).toContain('unknown key mistake_0');
    expect(errors[8]).toContain('unknown key mistake_8');
    expect(errors[9]).toMatch(
      /^::error::25 errors in recipes\/smoke-7b%0A {2}16 of them are only in the summary/,
    );
    const rows = output.match(/^\| error \|.*mistake&#95;\d+/gm);
    expect(rows).toHaveLength(25);
  });
});

describe('another repository', () => {
  let other: string;

  beforeAll(() => {
    other = temporaryFolder();
    for (const name of ['terse', 'strict']) {
      const folder = path.join(other, 'judges', name);
      mkdirSync(path.join(folder, 'data'), { recursive: true });
      for (const file of [
        'recipe.yaml',
        'dataset.yaml',
        'absolute.yaml',
        'relative.yaml',
        'merge.yaml',
        'base-model.json',
        'data/feedback.json',
        'data/preference.parquet',
      ])
        writeFileSync(path.join(folder, file), readFileSync(path.join(project, 'recipes/smoke-7b', file)));
    }
    mkdirSync(path.join(other, 'drafts/half'), { recursive: true });
    writeFileSync(path.join(other, 'drafts/half/recipe.yaml'), 'name: half\n');
    mkdirSync(path.join(other, '.github/workflows'), { recursive: true });
    writeFileSync(
      path.join(other, '.github/workflows/judges.yml'),
      `on: pull_request
permissions:
  contents: read
jobs:
  judges:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with:
          fetch-depth: 0
          persist-credentials: false
      - id: judges
        uses: prometheus-owner/prometheus-actions/actions/validate-recipe@v1
        with:
          recipes: |
            **/recipe.yaml
            !drafts
          changed-only: true
          sarif-file: judges.sarif
      - run: head -c 300 "$SARIF" && echo "checked=$RECIPES errors=$ERRORS"
        if: always()
        env:
          RECIPES: \${{ steps.judges.outputs.recipes }}
          ERRORS: \${{ steps.judges.outputs.errors }}
          SARIF: \${{ steps.judges.outputs.sarif }}
`,
    );
    makeRepository(other);
  });

  const judges = (change: () => void) =>
    pullRequest(other, '.github/workflows/judges.yml', change, [
      '--local-repository',
      `prometheus-owner/prometheus-actions@v1=${project}`,
    ]);

  it('checks its own recipes, those that changed and no drafts', () => {
    const { code, output } = judges(() => {
      edit(other, 'judges/strict/merge.yaml', 'weight: 1.0', 'weight: 0.7');
      edit(other, 'drafts/half/recipe.yaml', 'half', 'whole');
    });
    expect(code, output.slice(-4000)).toBe(0);
    expect(output).toContain('checked=["judges/strict"] errors=0');
    expect(output).toContain('- merge: weight of &#36;{absolute}: 1 → 0.7');
    expect(output).toContain('| judges/strict | right | 1 of 6 stages run again |');
  });

  it('gets its mistakes on its own lines, and as SARIF', () => {
    let line = 0;
    const { code, output } = judges(() => {
      const text = edit(other, 'judges/terse/merge.yaml', 'merge_method: linear', 'merge_method: lineal');
      line = text.slice(0, text.indexOf('lineal')).split('\n').length;
    });
    expect(code).not.toBe(0);
    expect(output).toContain(`::error file=judges/terse/merge.yaml,line=${line},col=15::`);
    expect(output).toContain('"version": "2.1.0"');
    expect(output).toContain('checked=["judges/terse"] errors=1');
  });
});
