import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { PYTHON, temporaryFolder } from './command.ts';

export interface ActionResult {
  code: number | null;
  /** All that it printed. */
  log: string;
  /** What a runner would do for what it printed. */
  commands: WorkflowCommand[];
  /** The files through which a step talks to the runner. */
  files: Record<'output' | 'summary' | 'env' | 'path' | 'state', string>;
  /** The folder of these files. */
  folder: string;
}

export interface WorkflowCommand {
  name: string;
  data: string;
}

/** Runs an action as a GitHub runner does: node, with the inputs and the runner's variables in the environment. */
export async function runAction(
  name: string,
  inputs: Record<string, string>,
  env: Record<string, string> = {},
): Promise<ActionResult> {
  const folder = temporaryFolder();
  const file = (kind: string) => {
    const location = path.join(folder, kind);
    writeFileSync(location, '');
    return location;
  };
  mkdirSync(path.join(folder, 'tools'));
  const child = spawn('node', [path.join(PROJECT_ROOT, 'actions', name, 'src/main.ts')], {
    cwd: env.GITHUB_WORKSPACE ?? folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: folder,
      RUNNER_TOOL_CACHE: path.join(folder, 'tools'),
      PROMETHEUS_PYTHON: PYTHON,
      GITHUB_OUTPUT: file('output'),
      GITHUB_STEP_SUMMARY: file('summary'),
      GITHUB_ENV: file('env'),
      GITHUB_PATH: file('path'),
      GITHUB_STATE: file('state'),
      INPUT_VERIFY: 'false',
      ...Object.fromEntries(
        Object.entries(inputs).map(([input, value]) => [`INPUT_${input.toUpperCase()}`, value]),
      ),
      ...env,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const text = (kind: string) => readFileSync(path.join(folder, kind), 'utf8');
  const files = {
    output: text('output'),
    summary: text('summary'),
    env: text('env'),
    path: text('path'),
    state: text('state'),
  };
  return { code, log, commands: workflowCommands(log), files, folder };
}

/**
 * The workflow commands in a log, as the runner's `ActionCommand.cs` finds them: `::name props::data` at the start of a
 * line after white space of any kind (`String.TrimStart`, which takes U+0085 and U+00A0 for it, too), or the older
 * `##[name props]data` anywhere in a line. Comparing by culture, .NET passes over characters that are ignorable.
 */
export function workflowCommands(log: string): WorkflowCommand[] {
  return log.split(/\r\n|\n|\r/).flatMap((text) => {
    const line = text.replaceAll(/\p{DI}/gu, '');
    const command =
      /^[\s\u0085\u180e]*::([\w-]+)[^:]*::(.*)$/s.exec(line) ?? /##\[([\w-]+)[^\]]*\](.*)$/s.exec(line);
    return command ? [{ name: command[1] ?? '', data: command[2] ?? '' }] : [];
  });
}
