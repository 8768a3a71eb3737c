import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Package {
  manifest: Record<string, unknown>;
  archive: Buffer;
}

export interface Request {
  path: string;
  authorization: string | undefined;
}

/** A local registry of npm with packages of this test; `/user/` and `/workspace/` serve the same. */
export class NpmRegistry {
  readonly requests: Request[] = [];
  /** The package of which other bytes are served than its hash is of. */
  liesAbout: string | undefined;
  readonly #packages = new Map<string, Package>();
  readonly #server: Server = createServer((request, response) => {
    const { authorization } = request.headers;
    const url = request.url ?? '/';
    this.requests.push({ path: url, authorization });
    const [, whose = '', name = '', isArchive] = /^\/(\w+)\/([\w-]+)(\.tgz)?$/.exec(url) ?? [];
    const found = this.#packages.get(name);
    if (!found) return response.writeHead(404).end();
    const lie = this.liesAbout === name ? pack({ ...found.manifest, description: 'a lie' }, LIE) : undefined;
    const archive = lie ?? found.archive;
    if (isArchive) return response.end(archive);
    // Who lies about bytes lies about their hash, too.
    const dist = { tarball: `${this.address(whose)}${name}.tgz`, integrity: integrityOf(archive) };
    const version = String(found.manifest.version);
    const versions = { [version]: { ...found.manifest, dist } };
    return response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Adds a package of some files. @returns what a lock says of it */
  add(manifest: Record<string, unknown>, files: Record<string, string>): Record<string, unknown> {
    const archive = pack(manifest, files);
    this.#packages.set(String(manifest.name), { manifest, archive });
    const { version, os, cpu, bin, scripts } = manifest;
    return {
      version,
      integrity: integrityOf(archive),
      os,
      cpu,
      bin,
      ...(scripts ? { hasInstallScript: true } : {}),
    };
  }

  address(whose: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${whose}/`;
  }
}

const LIE = { 'bin/node': '#!/bin/sh\necho a lie\n', 'index.js': '' };

function pack(manifest: Record<string, unknown>, files: Record<string, string>): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), 'npm-package-'));
  for (const [name, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
    const file = path.join(folder, 'package', name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o755 });
  }
  const args = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  execFileSync('tar', ['-czf', 'package.tgz', ...args, 'package'], { cwd: folder });
  return readFileSync(path.join(folder, 'package.tgz'));
}

function integrityOf(archive: Buffer): string {
  return `sha512-${createHash('sha512').update(archive).digest('base64')}`;
}
