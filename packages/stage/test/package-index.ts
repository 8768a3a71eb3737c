import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '../src/index.ts';

const PYTHON = process.env.PROMETHEUS_TEST_PYTHON ?? path.join(PROJECT_ROOT, '.venv/bin/python');

/** What an installer ran, with the environment that it had. */
export interface Note {
  ran: string;
  environment: Record<string, string>;
}

/** A local index: `/user/simple` and `/workspace/simple` serve the same files, honest ones or those of a lie. */
export class PackageIndex {
  /** The index of whom, and what was asked for. */
  readonly requests: string[] = [];
  /** What is served: `honest`, or the name of a lie. */
  serves = 'honest';
  readonly folder = mkdtempSync(path.join(tmpdir(), 'package-index-'));
  readonly trainer = path.join(this.folder, 'trainer');
  readonly #notes = path.join(this.folder, 'notes');
  readonly #server: Server = createServer((request, response) => {
    const url = request.url ?? '/';
    this.requests.push(url);
    const file = path.join(this.folder, this.serves, url.replace(/^\/\w+\/simple\//, ''));
    if (!existsSync(file)) response.writeHead(404).end();
    else if (url.endsWith('/')) {
      const links = readdirSync(file).map((name) => `<a href="${name}">${name}</a>`);
      response.setHeader('content-type', 'text/html').end(links.join('\n'));
      // As PyPI and mirrors do: a file of that name never changes.
    } else response.setHeader('cache-control', 'max-age=31536000, immutable').end(readFileSync(file));
  });

  async start(): Promise<void> {
    execFileSync(PYTHON, ['-I', path.join(import.meta.dirname, 'package_index.py'), this.folder]);
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Forgets what was asked for and run. */
  reset(): void {
    this.serves = 'honest';
    this.requests.length = 0;
    writeFileSync(this.#notes, '');
  }

  address(whose: 'user' | 'workspace'): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${whose}/simple/`;
  }

  notes(): Note[] {
    const lines = existsSync(this.#notes) ? readFileSync(this.#notes, 'utf8').trim().split('\n') : [];
    return lines.filter(Boolean).map((line) => JSON.parse(line) as Note);
  }

  /** The environment of a person with a mirror, whose variables and settings are the user's own. */
  user(home: string): Record<string, string> {
    for (const [file, text] of [
      ['.config/uv/uv.toml', `index-url = "${this.address('user')}"\n`],
      ['.config/pip/pip.conf', `[global]\nindex-url = ${this.address('user')}\n`],
    ] as const) {
      mkdirSync(path.dirname(path.join(home, file)), { recursive: true });
      writeFileSync(path.join(home, file), text);
    }
    return {
      HOME: home,
      XDG_CACHE_HOME: path.join(home, '.cache'),
      PIP_CERT: '',
      PACKAGE_NOTES: this.#notes,
    };
  }
}

/** Runs a program to its end while this process serves. */
export function finish(
  program: string,
  args: string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { ...options, encoding: 'utf8' }, (_, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    );
  });
}
