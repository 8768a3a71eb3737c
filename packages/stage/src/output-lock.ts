import { existsSync } from 'node:fs';
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
  const { file, holderFile } = lockFiles(outputDir);
  await mkdir(path.dirname(file), { recursive: true });
  const database = await openDatabase(file);
  for (let attempt = 0; !tryExclusive(database, file); attempt += 1) {
    const holder = await holderOf(holderFile);
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

/** Who holds the lock of an output folder, for people; undefined where nobody does. Takes no lock and writes nothing. */
export async function lockHolder(outputDir: string): Promise<string | undefined> {
  const { file, holderFile } = lockFiles(outputDir);
  if (!existsSync(file)) return undefined;
  const database = await openDatabase(file, { readOnly: true });
  try {
    database.prepare('SELECT name FROM sqlite_master').all();
    return undefined;
  } catch (error) {
    if (isBusy(error)) return await holderOf(holderFile);
    throw error;
  } finally {
    database.close();
  }
}

function lockFiles(outputDir: string): { file: string; holderFile: string } {
  const file = path.join(path.dirname(outputDir), `.${path.basename(outputDir)}.lock`);
  return { file, holderFile: `${file}.holder` };
}

function holderOf(holderFile: string): Promise<string> {
  return readFile(holderFile, 'utf8').catch(() => 'another process');
}

async function openDatabase(file: string, options: { readOnly?: boolean } = {}): Promise<DatabaseSync> {
  // Node 24 warns that SQLite is experimental; users of a lock need not read that.
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    const { DatabaseSync } = await import('node:sqlite');
    return new DatabaseSync(file, options);
  } catch (error) {
    throw noLock(file, error);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function tryExclusive(database: DatabaseSync, file: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    database.close();
    throw noLock(file, error);
  }
}

function noLock(file: string, cause: unknown): ConfigurationError {
  return new ConfigurationError(`${file} is no lock file: ${(cause as Error).message}`, {
    hint: 'Remove it, or let the user that runs this write it.',
    cause,
  });
}

/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === SQLITE_BUSY;
}
