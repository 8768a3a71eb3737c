import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { vi } from 'vitest';
import { validateAction } from '../../src/validate-action.ts';
import { outcomeOf } from '../action-outcome.ts';
import { type Repository, repository } from './repository.ts';

interface Checked {
  outputs: Record<string, unknown>;
  /** `error judges/a/recipe.yaml:1:1 text` */
  annotations: string[];
  log: string;
  summary: string;
  failure: string | undefined;
}

/** A repository with the recipes `judges/first` and `judges/second`, in which the action runs. */
export interface CheckedRepository extends Repository {
  /** Runs the action in the repository as the runner would. */
  check: (inputs?: Record<string, string>) => Promise<Checked>;
  /** `line:column` of a text in a file of the repository, or of what stands after it. */
  placeOf: (file: string, needle: string, after?: string) => string;
  /** Gives the job the payload of a pull request that starts from a commit. */
  pullRequest: (base: string) => void;
}

/** Makes the repository; the environment has no trace of a job. */
export function checkedRepository(): CheckedRepository {
  const here = repository('first', 'second');
  for (const name of ['GITHUB_EVENT_PATH', 'GITHUB_SERVER_URL', 'GITHUB_REPOSITORY', 'GITHUB_SHA'])
    vi.stubEnv(name, undefined);
  return {
    ...here,
    check: async (inputs = {}) => {
      vi.stubEnv('GITHUB_WORKSPACE', here.folder);
      vi.stubEnv('GITHUB_ACTIONS', 'true');
      vi.stubEnv('RUNNER_TOOL_CACHE', '/tools');
      for (const [name, value] of Object.entries(inputs)) vi.stubEnv(`INPUT_${name.toUpperCase()}`, value);
      const { told, ...outcome } = await outcomeOf(validateAction);
      const annotations = told.flatMap(({ kind, text, place }) => {
        const where = place && `${path.relative(here.folder, place.file)}:${place.line}:${place.column}`;
        return kind === 'info' ? [] : [[kind, where, text].filter(Boolean).join(' ')];
      });
      const log = told.flatMap(({ kind, text }) => (kind === 'info' ? [text] : []));
      return { ...outcome, annotations, log: log.join('\n') };
    },
    placeOf: (file, needle, after = '') => {
      const text = readFileSync(path.join(here.folder, file), 'utf8');
      const at = text.indexOf(needle) + after.length;
      if (at < after.length) throw new Error(`${file} has no ${needle}`);
      const lines = text.slice(0, at).split('\n');
      return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
    },
    pullRequest: (base) => {
      const file = path.join(here.folder, '.git/event.json');
      writeFileSync(file, JSON.stringify({ pull_request: { base: { sha: base } } }));
      vi.stubEnv('GITHUB_EVENT_PATH', file);
    },
  };
}
