import { globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { parseAction } from '@actions/workflow-parser/actions/index';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Workflow {
  on: Record<string, { inputs?: Record<string, { default?: unknown }> } | null | undefined>;
  jobs: Record<
    string,
    { 'runs-on'?: unknown; environment?: unknown; container?: unknown; with?: Record<string, unknown> }
  >;
}

const trace = new NoOperationTraceWriter();
const read = (...names: string[]) => readFileSync(path.join(PROJECT_ROOT, ...names), 'utf8');
/** Those of this repository and of the examples, which others copy. */
const workflows = globSync(['.github/workflows/*.yml', 'docs/examples/*/.github/workflows/*.yml'], {
  cwd: PROJECT_ROOT,
});
const actions = readdirSync(path.join(PROJECT_ROOT, 'actions'));

// What GitHub itself says of the files as they are committed, `uses: $/…` with them.
describe("GitHub's own parser", () => {
  it.each(workflows)('finds nothing in %s', async (name) => {
    const { context, value } = parseWorkflow({ name, content: read(name) }, trace);
    expect(context.errors.getErrors().map(String)).toEqual([]);
    if (!value) throw new Error(`${name} is empty`);
    const { jobs, errors } = await convertWorkflowTemplate(context, value);
    expect(errors ?? []).toEqual([]);
    expect(jobs.length).toBeGreaterThan(0);
  });

  it.each(actions)('finds nothing in action.yml of %s', (name) => {
    const { context, value } = parseAction({ name, content: read('actions', name, 'action.yml') }, trace);
    expect(context.errors.getErrors().map(String)).toEqual([]);
    expect(value).toBeDefined();
  });

  it('finds a mistake where there is one', () => {
    const broken = read('.github/workflows/ci.yml').replace('runs-on:', 'run-on:');
    const { context } = parseWorkflow({ name: 'ci.yml', content: broken }, trace);
    expect(context.errors.getErrors().map(String).join('\n')).toMatch(/Unexpected value 'run-on'/);
  });
});

describe('workflows', () => {
  it.each(workflows)(
    '%s gives each job the rights that it needs, by name, and no more by default',
    (name) => {
      const text = read(name);
      expect(text).toMatch(/^permissions: \{\}$/m);
      expect(text).not.toMatch(/pull_request_target|workflow_run|write-all|secrets: inherit/);
      expect(text).not.toMatch(/persist-credentials: true/);
      const checkouts = text.match(/uses: actions\/checkout@/g)?.length ?? 0;
      expect(text.match(/persist-credentials: false/g)?.length ?? 0).toBe(checkouts);
    },
  );

  // GitHub makes an environment that does not exist, without reviewers; a label reaches a machine past its environment.
  it.each(workflows)('%s has no dispatch input for a runner or an environment', (name) => {
    const { on, jobs } = parse(read(name)) as Workflow;
    const chosen = Object.keys(on.workflow_dispatch?.inputs ?? {});
    for (const [id, job] of Object.entries(jobs)) {
      const passed = Object.entries(job.with ?? {}).filter(([input]) => /runner|environment/.test(input));
      const places = JSON.stringify([job['runs-on'], job.environment, job.container, passed]);
      const named = [...places.matchAll(/\binputs(?:\.([\w-]+)|\[)/g)].map(([, input = '[']) => input);
      expect(
        named.filter((input) => input === '[' || chosen.includes(input)),
        id,
      ).toEqual([]);
      expect(places, id).not.toMatch(/github\.event|github\.(?:head_)?ref|toJSON/i);
      if (JSON.stringify(job['runs-on'] ?? '').includes('gpu')) expect(job.environment, id).toBeTruthy();
    }
  });

  it('replicate.yml started by the button trains in the environment gpu, and on runners of the repository', () => {
    const { on, jobs } = parse(read('.github/workflows/replicate.yml')) as Workflow;
    const kinds = ['plan-runner', 'cpu-runner', 'gpu-runner', 'gpu-environment'];
    expect(Object.keys(on.workflow_dispatch?.inputs ?? {}).filter((input) => kinds.includes(input))).toEqual(
      [],
    );
    expect(Object.keys(on.workflow_call?.inputs ?? {})).toEqual(expect.arrayContaining(kinds));
    // An input that there is none of is an empty text.
    const environments = Object.values(jobs).map((job) => job.environment ?? '');
    expect([...new Set(environments)].sort()).toEqual(['', "${{ inputs.gpu-environment || 'gpu' }}"]);
    for (const [kind, variable] of [
      ['plan-runner', 'PROMETHEUS_PLAN_RUNNER'],
      ['cpu-runner', 'PROMETHEUS_CPU_RUNNER'],
      ['gpu-runner', 'PROMETHEUS_GPU_RUNNER'],
    ] as const) {
      const byDefault = on.workflow_call?.inputs?.[kind]?.default;
      const labels = `\${{ fromJSON(inputs.${kind} || vars.${variable} || '${byDefault}') }}`;
      expect(Object.values(jobs).map((job) => job['runs-on'])).toContain(labels);
    }
    expect(new Set(Object.values(jobs).map((job) => job['runs-on'])).size).toBe(3);
  });

  it.each(workflows)('%s puts no expression into a script', (name) => {
    const scripts = read(name).match(/^ *-? ?run: (\|[^]*?(?=\n {0,6}\S)|.*$)/gm) ?? [];
    expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
  });
});
