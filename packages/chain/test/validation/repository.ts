import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';

/** A repository of somebody who keeps recipes in `judges/`. */
export interface Repository {
  folder: string;
  git: (...args: string[]) => string;
  write: (file: string, text: string) => void;
  /** Replaces a text of a file, which must be there. */
  edit: (file: string, from: string | RegExp, to: string) => void;
  /** Commits everything. */
  commit: () => string;
}

export function repository(...judges: string[]): Repository {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'repository-')));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...args], {
      cwd: folder,
      encoding: 'utf8',
    }).trim();
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  };
  const made: Repository = {
    folder,
    git,
    write,
    edit: (file, from, to) => {
      const before = readFileSync(path.join(folder, file), 'utf8');
      const after = before.replace(from, () => to);
      if (after === before) throw new Error(`${file} has no ${from}`);
      write(file, after);
    },
    commit: () => {
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message=test');
      return git('rev-parse', 'HEAD');
    },
  };
  git('init', '--quiet', '--initial-branch=main');
  for (const judge of judges) {
    cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), path.join(folder, 'judges', judge), {
      recursive: true,
    });
    made.edit(`judges/${judge}/recipe.yaml`, 'name: smoke-7b', `name: ${judge}`);
  }
  made.commit();
  return made;
}
