import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from './errors.ts';

/** Holds the right to write one output folder until `release`. */
export interface OutputLock {
  release(): void;
}

/**
 * Takes the lock of an output folder.
 *
 * The lock is SQLite's exclusive lock on an empty file beside the output: the kernel holds it for the process and
 * drops it when the process dies, however it dies, so a lock is never stale. (Node itself has no file locks.)
 *
 * @param options.wait wait for another run to end instead of failing; `onWait` is called once, with who holds it
 * @throws ConfigurationError when another run holds it and `wait` is not set
 */
export async function lockOutput(
  outputDir: string,
  options: { wait?: boolean; onWait?: (holder: string) => void; signal?: AbortSignal } = {},
): Promise<OutputLock> {
  const file = path.join(path.dirname(outputDir), `.${path.basename(outputDir)}.lock`);
  const holderFile = `${file}.holder`;
  await mkdir(path.dirname(file), { recursive: true });
  const database = await openDatabase(file);
  for (let attempt = 0; !tryExclusive(database); attempt += 1) {
    const holder = await readFile(holderFile, 'utf8').catch(() => 'another process');
    if (!options.wait) {
      database.close();
      throw new ConfigurationError(`${outputDir} is being written by ${holder}`, {
        hint: 'Wait until it has ended, or stop it; or choose another folder.',
      });
    }
    if (attempt === 0) options.onWait?.(holder);
    await sleep(500, undefined, options.signal ? { signal: options.signal } : {}).catch((error) => {
      database.close();
      throw error;
    });
  }
  await writeFile(holderFile, `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`);
  return { release: () => database.close() };
}

async function openDatabase(file: string): Promise<DatabaseSync> {
  // Node 24 warns that SQLite is experimental; users of a lock need not read that.
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    const { DatabaseSync } = await import('node:sqlite');
    return new DatabaseSync(file);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function tryExclusive(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    const SQLITE_BUSY = 5;
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
