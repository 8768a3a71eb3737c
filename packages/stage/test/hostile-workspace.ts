import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A checkout with settings and programs for every installer, and a copy of our locks in a folder of it. */
export interface HostileWorkspace {
  folder: string;
  /** Its copy of the folder with the locks, as in `uses: ./vendor/prometheus-actions`. */
  trainer: string;
  /** Folders that a PATH may name. */
  path: string[];
  /** Which of its files ran. */
  ran: () => string;
}

const MODULES = ['venv', 'pip', 'ensurepip', 'runpy', 'json', 'sitecustomize', 'usercustomize', 'setuptools'];
const PROGRAMS = ['uv', 'python', 'python3', 'python3.11', 'python3.12', 'python3.13', 'npm', 'git'];

export function hostileWorkspace(trainer: string, index: string): HostileWorkspace {
  const folder = mkdtempSync(path.join(tmpdir(), 'workspace-'));
  const log = path.join(mkdtempSync(path.join(tmpdir(), 'ran-')), 'log');
  const write = (name: string, text: string, mode = 0o644) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text, { mode });
  };
  const line = `open(${JSON.stringify(log)}, "a").write(__name__ + "\\n")\n`;
  for (const name of MODULES) {
    write(`${name}.py`, line);
    write(`${name}/__init__.py`, line);
  }
  write('evil.pth', `import os; ${line}`);
  write('setup.py', line);
  write('setup.cfg', `[easy_install]\nindex_url = ${index}\n[install]\ninstall-scripts = ${folder}\n`);
  const settings = `index-url = "${index}"\nno-binary = ["demo"]\nno-verify-hashes = true\n`;
  write('uv.toml', `${settings}[pip]\nindex-url = "${index}"\nno-binary = ["demo"]\nverify-hashes = false\n`);
  write('pyproject.toml', `[project]\nname = "x"\nversion = "1"\n[tool.uv]\nindex-url = "${index}"\n`);
  write('vendor/pyproject.toml', `[tool.uv]\nindex-url = "${index}"\n[tool.uv.pip]\nno-binary = ["demo"]\n`);
  write('vendor/uv.toml', `index-url = "${index}"\n`);
  write('.python-version', '2.7\n');
  write('pip.conf', `[global]\nindex-url = ${index}\n`);
  write('.npmrc', `registry=${index}\nignore-scripts=false\n`);
  for (const name of PROGRAMS) {
    const program = `#!/bin/sh\necho "$0" >> ${log}\necho --require-build-hashes 3.12.1\n`;
    write(name, program, 0o755);
    write(`bin/${name}`, program, 0o755);
  }
  const copy = path.join(folder, 'vendor/prometheus-actions/packages/trainer');
  cpSync(trainer, copy, { recursive: true });
  return {
    folder,
    trainer: copy,
    path: ['', '.', 'bin', path.join(folder, 'bin')],
    ran: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
  };
}
