import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PYTHON, temporaryFolder } from './command.ts';

/** A folder in which each module that Python could import has a namesake, which notes its name and ends the process. */
export interface TrappedFolder {
  folder: string;
  /** What was imported from it, a name a line. */
  sprung: () => string;
}

const LIST_MODULES = `import importlib.metadata, json, sys
names = {name for name in importlib.metadata.packages_distributions() if name.isidentifier()}
print(json.dumps(sorted(names | sys.stdlib_module_names)))`;
const OTHERS = ['sitecustomize', 'usercustomize', 'prometheus_trainer', 'job'];

export function trappedFolder(): TrappedFolder {
  const folder = temporaryFolder();
  const log = path.join(temporaryFolder(), 'sprung');
  const listed = execFileSync(PYTHON, ['-I', '-c', LIST_MODULES], { encoding: 'utf8' });
  const trap = `with open(${JSON.stringify(log)}, "a") as log:\n    log.write(__name__ + "\\n")\nraise SystemExit(f"{__name__} of the working folder was imported")\n`;
  for (const [index, name] of [...(JSON.parse(listed) as string[]), ...OTHERS].entries()) {
    if (index % 2 === 0) writeFileSync(path.join(folder, `${name}.py`), trap);
    else {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, '__init__.py'), trap);
    }
  }
  return { folder, sprung: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}
