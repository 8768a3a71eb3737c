import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  loraMergeRequest,
  modelMergeRequest,
  prepareDatasetRequest,
  reportRequest,
  type StageRequest,
  sftTrainRequest,
  validateRecipeRequest,
} from '@prometheus-actions/chain';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { parse, stringify } from 'yaml';

interface ActionFile {
  name: string;
  description: string;
  inputs: Record<string, { description: string; required: boolean; default?: string }>;
  outputs: Record<string, { description: string }>;
}

const STAGES: { request: StageRequest; title: string; icon: string; cache?: boolean }[] = [
  { request: prepareDatasetRequest, title: 'Prepare a judge dataset', icon: 'database', cache: true },
  { request: sftTrainRequest, title: 'Train a judge expert', icon: 'cpu' },
  { request: loraMergeRequest, title: 'Merge a LoRA adapter', icon: 'git-merge' },
  { request: modelMergeRequest, title: 'Merge experts into a judge', icon: 'git-merge' },
];

const OUTPUTS = {
  'output-dir': 'Folder of the output.',
  finished: 'Whether the output is complete; false when training was asked to stop and can go on later.',
  'cache-hit': 'Whether the output was there already, made from the same settings and inputs.',
  fingerprint: 'sha256 of all that decides the output.',
  metrics: 'Numbers about the work, as JSON.',
};

const CACHE =
  "Keep the output in GitHub's cache by its fingerprint, for runners that start empty: true or false.";

/** action.yml from the requests, and the tables of the actions' READMEs from action.yml: texts by path. */
export function actionFiles(): Record<string, string> {
  const files = {
    ...Object.fromEntries(STAGES.map((stage) => [stage.request.name, stageFile(stage)])),
    [validateRecipeRequest.name]: actionFile({
      request: validateRecipeRequest,
      title: 'Validate judge recipes',
      icon: 'check-circle',
    }),
    [reportRequest.name]: actionFile({
      request: reportRequest,
      title: 'Report a judge run',
      icon: 'bar-chart-2',
    }),
  };
  return Object.fromEntries(
    Object.entries(files).flatMap(([name, text]) => [
      [`actions/${name}/action.yml`, text],
      [`actions/${name}/README.md`, readme(name, parse(text) as ActionFile, typesOf(name))],
    ]),
  );
}

/** The type of each input, which action.yml has no place for. What only actions have is true or false. */
function typesOf(name: string): (input: string) => string {
  const request = [...STAGES.map((stage) => stage.request), validateRecipeRequest, reportRequest].find(
    (each) => each.name === name,
  );
  const shape: StageRequest['inputs']['shape'] = request?.inputs.shape ?? {};
  return (input) => {
    const schema = shape[input.replaceAll('-', '_')];
    if (!schema) return 'true or false';
    const type = schema.meta()?.type;
    if (typeof type !== 'string') throw new Error(`input ${input} of ${name} has no type`);
    return type;
  };
}

function stageFile({ request, title, icon, cache }: (typeof STAGES)[number]): string {
  const verify =
    'Hash every file of an output that is there, instead of trusting size and modification time: true or false.';
  return actionFile({
    request: { ...request, outputs: OUTPUTS },
    title,
    icon,
    inputs: {
      verify: { description: verify, required: false, default: 'false' },
      ...(cache && { cache: { description: CACHE, required: false, default: 'false' } }),
    },
  });
}

/** `action.yml` from a request; `inputs` are those that it has as an action only. */
function actionFile({
  request,
  title,
  icon,
  inputs = {},
}: {
  request: Pick<StageRequest, 'summary' | 'inputs'> & { outputs: Record<string, string> };
  title: string;
  icon: string;
  inputs?: ActionFile['inputs'];
}): string {
  const requested = Object.entries(request.inputs.shape).map(([key, schema]) => {
    const { description = '', default: value } = schema.meta() ?? {};
    return [
      key.replaceAll('_', '-'),
      { description, required: false, ...(typeof value === 'string' && { default: value }) },
    ];
  });
  return `# Generated from packages/chain/src/requests by npm run generate.\n${stringify(
    {
      name: title,
      description: request.summary,
      author: 'prometheus-actions',
      branding: { icon, color: 'orange' },
      inputs: { ...Object.fromEntries(requested), ...inputs },
      outputs: Object.fromEntries(
        Object.entries(request.outputs).map(([name, description]) => [name, { description }]),
      ),
      runs: { using: 'node24', main: 'dist/index.js' },
    },
    { lineWidth: 0 },
  )}`;
}

/** The README with its tables renewed; what stands outside the markers is written by hand. */
function readme(name: string, action: ActionFile, typeOf: (input: string) => string): string {
  const file = `actions/${name}/README.md`;
  const before = existsSync(path.join(PROJECT_ROOT, file))
    ? readFileSync(path.join(PROJECT_ROOT, file), 'utf8')
    : `# ${name}\n\n${action.description}\n\n<!-- inputs -->\n<!-- /inputs -->\n\n<!-- outputs -->\n<!-- /outputs -->\n`;
  const inputs = Object.entries(action.inputs).map(
    ([input, { description, required, default: value }]) =>
      `| \`${input}\` | ${typeOf(input)} | ${cell(description)}${required ? ' **Required.**' : ''} | ${value === undefined ? '' : `\`${value}\``} |`,
  );
  const outputs = Object.entries(action.outputs).map(
    ([output, { description }]) => `| \`${output}\` | ${cell(description)} |`,
  );
  return replaceBetween(
    replaceBetween(before, 'inputs', [
      '| input | type | what it is | default |',
      '| --- | --- | --- | --- |',
      ...inputs,
    ]),
    'outputs',
    ['| output | what it is |', '| --- | --- |', ...outputs],
  );
}

function replaceBetween(text: string, marker: string, lines: string[]): string {
  const pattern = new RegExp(`(<!-- ${marker} -->)[\\s\\S]*?(<!-- /${marker} -->)`);
  if (!pattern.test(text)) throw new Error(`no <!-- ${marker} --> in a README`);
  return text.replace(pattern, (_all, start: string, end: string) => `${start}\n${lines.join('\n')}\n${end}`);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
