import { execFileSync } from 'node:child_process';
import { PYTHON } from '../../hub/test/python.ts';

export { requirePython } from '../../hub/test/python.ts';

/** What a Python program answers as JSON to a question that it reads as JSON. */
export function askPython(program: string, question: unknown): unknown {
  const input = JSON.stringify(question);
  return JSON.parse(execFileSync(PYTHON, ['-c', program], { input, encoding: 'utf8' }));
}
