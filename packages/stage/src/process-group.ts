import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { followEvents, type StageEvent } from './stage-events.ts';

/** A long-running child: a trainer, a merge. Short commands go through `@actions/exec`. */
export interface ProcessGroupOptions {
  command: string;
  args: readonly string[];
  /** Added to this process's environment, which is kept whole (a runner finds its orphans by RUNNER_TRACKING_ID). */
  env?: Record<string, string>;
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

/**
 * Runs a child in its own process group until the whole group has ended.
 *
 * When `signal` aborts, the group gets SIGTERM, and what is left of it after 9 s SIGKILL. The child's stdin is a pipe
 * that only this process holds: it closes when this process dies, even by SIGKILL, and the child can end itself.
 */
export async function runProcessGroup(options: ProcessGroupOptions): Promise<ProcessGroupResult> {
  options.signal.throwIfAborted();
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env, PROMETHEUS_LIFELINE: 'stdin' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const tail: string[] = [];
  keepOutput(child, log, tail);
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve([code, killedBy]));
  });
  const events = followEvents(options.eventsFile, options.onEvent);
  const terminate = () => {
    if (child.pid !== undefined) void terminateGroup(child.pid);
  };
  options.signal.addEventListener('abort', terminate, { once: true });
  try {
    const [exitCode, killedBy] = await ended;
    if (child.pid !== undefined) await waitForGroup(child.pid, options.signal);
    return { exitCode, killedBy, tail };
  } finally {
    options.signal.removeEventListener('abort', terminate);
    await events.stop();
    log.end();
    await finished(log);
  }
}

function keepOutput(child: ChildProcess, log: NodeJS.WritableStream, tail: string[]): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      log.write(text);
      const lines = (rest + text).split(/\r?\n|\r/);
      rest = lines.pop() ?? '';
      tail.push(...lines.filter((line) => line.trim() !== ''));
      tail.splice(0, Math.max(0, tail.length - TAIL_LINES));
    });
  }
  child.stdin?.on('error', () => {});
}

async function terminateGroup(group: number): Promise<void> {
  signalGroup(group, 'SIGTERM');
  const deadline = Date.now() + GRACE_MS;
  while (Date.now() < deadline) {
    if (!(await groupIsAlive(group))) return;
    await sleep(100);
  }
  signalGroup(group, 'SIGKILL');
}

/** The leader has ended; workers that it left (a launcher stopped by SIGTERM leaves its trainer) may still save. */
async function waitForGroup(group: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + GRACE_MS;
  while (await groupIsAlive(group)) {
    if (!signal.aborted && Date.now() > deadline) await terminateGroup(group);
    await sleep(100);
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether a process of the group still runs. Zombies don't count: without an init process nobody reaps them. */
async function groupIsAlive(group: number): Promise<boolean> {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // pid (command, which may hold spaces and parentheses) state parent group …
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(processGroup) === group && state !== 'Z' && state !== 'X') return true;
  }
  return false;
}
