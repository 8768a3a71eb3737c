import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { PYTHON } from '../../hub/test/python.ts';

export { requirePython } from '../../hub/test/python.ts';

/** What a program, a file or a text of Python, answers in JSON to cases in JSON. */
export function askPython<Answer>(program: { file: string } | { text: string }, cases: unknown): Answer {
  const args = 'file' in program ? [path.join(import.meta.dirname, program.file)] : ['-c', program.text];
  const printed = execFileSync(PYTHON, args, {
    input: JSON.stringify(cases),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      PYTHONPATH: path.join(PROJECT_ROOT, 'packages/trainer/src'),
      HF_HUB_OFFLINE: '1',
    },
  });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Answer;
}
