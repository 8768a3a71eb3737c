import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from './child-environment.mjs';
import { followEvents, type StageEvent } from './stage-events.ts';

/** A long-running child: a trainer, a merge. Short commands are in run-command.ts. */
export interface ProcessGroupOptions {
  command: string;
  args: readonly string[];
  /** Added to the environment that every child has. */
  env?: Record<string, string>;
  /** Names of variables that it needs though they hold secrets. */
  kept?: RegExp | undefined;
  cwd?: string;
  /** Everything that the child prints is appended here. */
  logFile: string;
  /** JSON lines that the child appends. */
  eventsFile: string;
  onEvent: (event: StageEvent) => void;
  signal: AbortSignal;
}

export interface ProcessGroupResult {
  exitCode: number | null;
  killedBy: NodeJS.Signals | null;
  /** The last lines that the child printed. */
  tail: string[];
}

// A GitHub runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s after that kills: all must be over within 10 s.
const GRACE_MS = 9_000;
const TAIL_LINES = 40;
const TAIL_BYTES = 64 * 1024;

// A launcher starts its workers in sessions, and so in groups, of their own: they are known by what they inherit.
const RUN_VARIABLE = 'PROMETHEUS_RUN';

/** The process group that a child leads, and the value of `PROMETHEUS_RUN` that all of its descendants have. */
interface Family {
  group: number;
  run: string;
}

/**
 * Runs a child in its own process group until the whole group, and every other descendant, has ended.
 *
 * When `signal` aborts, the group gets SIGTERM, and what is left of the descendants after 9 s SIGKILL. The child's stdin
 * is a pipe that only this process holds: it closes then, and when this process dies, even by SIGKILL, and whoever
 * inherited it can end itself. What the child prints goes to the log without this process in between: who saves what it
 * can after this process has died may print meanwhile, which fails in a pipe that nobody reads.
 */
export async function runProcessGroup(options: ProcessGroupOptions): Promise<ProcessGroupResult> {
  options.signal.throwIfAborted();
  const run = randomUUID();
  const log = await open(options.logFile, 'a');
  const { size: logged } = await log.stat();
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    env: childEnvironment(
      { ...options.env, PROMETHEUS_LIFELINE: 'stdin', [RUN_VARIABLE]: run },
      options.kept,
    ),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdin?.on('error', () => {});
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve([code, killedBy]));
  });
  const events = followEvents(options.eventsFile, options.onEvent);
  const onAbort = () => {
    child.stdin?.end();
    if (child.pid !== undefined) void terminate({ group: child.pid, run });
  };
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const [exitCode, killedBy] = await ended;
    if (child.pid !== undefined) await waitFor({ group: child.pid, run }, options.signal);
    return { exitCode, killedBy, tail: await lastLines(options.logFile, logged) };
  } finally {
    options.signal.removeEventListener('abort', onAbort);
    await events.stop();
    await log.close();
  }
}

/** The last lines of a file from a place on, where one program began to write. */
async function lastLines(file: string, begin: number): Promise<string[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const from = Math.max(begin, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - from), position: from });
    const lines = buffer.toString('utf8', 0, bytesRead).split(/\r?\n|\r/);
    return lines.filter((line) => line.trim() !== '').slice(-TAIL_LINES);
  } finally {
    await handle.close();
  }
}

async function terminate(family: Family): Promise<void> {
  send(-family.group, 'SIGTERM');
  const deadline = Date.now() + GRACE_MS;
  while (Date.now() < deadline) {
    if ((await living(family)).length === 0) return;
    await sleep(100);
  }
  for (const pid of await living(family)) send(pid, 'SIGKILL');
}

/** The leader has ended; workers that it left (a launcher stopped by SIGTERM leaves its trainer) may still save. */
async function waitFor(family: Family, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + GRACE_MS;
  while ((await living(family)).length > 0) {
    if (!signal.aborted && Date.now() > deadline) await terminate(family);
    await sleep(100);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Processes of the family that still run, as `kill` takes them. Zombies don't count: without an init process nobody
 * reaps them. Where there is no /proc, the group as a whole.
 */
async function living({ group, run }: Family): Promise<number[]> {
  if (process.platform !== 'linux') return groupExists(group) ? [-group] : [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // pid (command, which may hold spaces and parentheses) state parent group …
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (!state || state === 'Z' || state === 'X') return false;
      if (Number(processGroup) === group) return true;
      // Another user's can't be read, and is none of ours.
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return environment.split('\0').includes(`${RUN_VARIABLE}=${run}`);
    }),
  );
  return pids.filter((_, index) => found[index]).map(Number);
}

function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
