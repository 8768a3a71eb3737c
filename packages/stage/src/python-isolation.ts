import path from 'node:path';
import { PROJECT_ROOT } from './hardware.ts';

/**
 * The environment in which every Python process of a stage runs, and those that it starts: `prometheus_trainer` is found
 * wherever the process starts, and nothing is imported from the folder in which it starts, as Python otherwise does for
 * `-m` and `-c`. In an action that folder is the checkout: a file of that name there (`datasets/`, `queue.py`) would run
 * with the environment of the step. PYTHONPATH of the caller is replaced, since an empty part of it means that folder, too,
 * and PYTHONHOME is emptied, which is as if it were not set: it names the standard library of another Python. What a stage
 * needs of the hub is fetched before by this process: no token is needed there, nor read from where its library keeps one.
 */
export const PYTHON_VARIABLES = {
  PYTHONPATH: path.join(PROJECT_ROOT, 'packages/trainer/src'),
  PYTHONSAFEPATH: '1',
  PYTHONHOME: '',
  HF_HUB_OFFLINE: '1',
  HF_HUB_DISABLE_IMPLICIT_TOKEN: '1',
} as const;

/** The same as an option, for the first process: nothing between here and there can take it away. */
export const SAFE_PATH_OPTION = '-P';

/**
 * The start of a command that runs Python so, whatever its starter made of the environment: `accelerate launch` adds the
 * working folder to PYTHONPATH where the launch config says DeepSpeed.
 */
export function isolatedPython(python: string): string[] {
  const script = 'export PYTHONPATH="$0" PYTHONSAFEPATH=1; exec "$@"';
  return ['/bin/sh', '-c', script, PYTHON_VARIABLES.PYTHONPATH, python, SAFE_PATH_OPTION, '-u'];
}

/**
 * For commands of the standard library (`-m venv`, `-c …`), which need neither our modules nor the caller's: all of the
 * caller's settings of Python are left out. Every version of Python 3 knows it; `-P` came with 3.11.
 */
export const ISOLATED_OPTION = '-I';
