import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { runProcessGroup, type StageEvent } from '../src/index.ts';

let folder: string;
let events: StageEvent[];
let controller: AbortController;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'process-'));
  events = [];
  controller = new AbortController();
});

function start(script: string, interpreter = 'bash') {
  const file = path.join(folder, 'script');
  writeFileSync(file, script);
  return runProcessGroup({
    command: interpreter,
    args: [file, folder],
    logFile: path.join(folder, 'log'),
    eventsFile: path.join(folder, 'events'),
    onEvent: (event) => events.push(event),
    signal: controller.signal,
  });
}

async function appears(name: string): Promise<string> {
  for (;;) {
    const file = path.join(folder, name);
    if (existsSync(file) && readFileSync(file, 'utf8').trim()) return readFileSync(file, 'utf8').trim();
    await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is dead; it only waits to be reaped.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

it('keeps what is printed in the log, and its end in the result', async () => {
  const result = await start('for i in $(seq 100); do echo line $i; done; echo oops >&2; exit 3');
  expect(result.exitCode).toBe(3);
  expect(result.tail).toHaveLength(40);
  expect(result.tail).toContain('oops');
  expect(readFileSync(path.join(folder, 'log'), 'utf8')).toContain('line 1\n');
});

it('reads events in order, a torn last line excepted', async () => {
  await start(`echo '{"event":"phase","name":"one"}' >> $1/events; sleep 0.4
    printf '{"event":"progress","done":1,' >> $1/events; sleep 0.3; echo '"total":2,"unit":"steps"}' >> $1/events
    printf '{"event":"chec' >> $1/events`);
  expect(events).toEqual([
    { event: 'phase', name: 'one' },
    { event: 'progress', done: 1, total: 2, unit: 'steps' },
  ]);
});

it('passes an abort on to the whole group, and lets it save', async () => {
  const done = start(`trap 'sleep 0.5; echo saved > $1/saved; exit 0' TERM
    bash -c 'echo $$ > '$1'/worker; trap "exit 0" TERM; while :; do sleep 0.1; done' & echo ready > $1/ready
    while :; do sleep 0.1; done`);
  await appears('ready');
  const worker = Number(await appears('worker'));
  controller.abort();
  expect((await done).exitCode).toBe(0);
  expect(readFileSync(path.join(folder, 'saved'), 'utf8')).toBe('saved\n');
  expect(isAlive(worker)).toBe(false);
});

it('waits for a worker that outlives its launcher', async () => {
  const result = start(`bash -c 'trap "" TERM; sleep 1; echo saved > '$1'/saved' & exit 1`);
  expect((await result).exitCode).toBe(1);
  expect(existsSync(path.join(folder, 'saved'))).toBe(true);
});

it('kills within 10 seconds what does not listen', async () => {
  const started = Date.now();
  const done =
    start(`trap '' TERM INT; bash -c 'trap "" TERM; echo $$ > '$1'/worker; while :; do sleep 0.1; done' &
    while :; do sleep 0.1; done`);
  const worker = Number(await appears('worker'));
  controller.abort();
  expect((await done).killedBy).toBe('SIGKILL');
  expect(isAlive(worker)).toBe(false);
  expect(Date.now() - started).toBeLessThan(10_500);
});

it('ends workers in sessions of their own, as a launcher starts them, by the lifeline or by force', async () => {
  const started = Date.now();
  const done = start(`setsid bash -c 'trap "" TERM; echo $$ > '$1'/deaf; while :; do sleep 0.1; done' &
    setsid bash -c 'echo $$ > '$1'/worker; cat > /dev/null; sleep 0.5; echo saved > '$1'/saved' <&0 &
    wait`);
  const [deaf, worker] = [Number(await appears('deaf')), Number(await appears('worker'))];
  controller.abort();
  await done;
  expect(readFileSync(path.join(folder, 'saved'), 'utf8')).toBe('saved\n');
  expect([isAlive(deaf), isAlive(worker)]).toEqual([false, false]);
  expect(Date.now() - started).toBeLessThan(10_500);
});

/** Runs a child from a process of its own, which is killed when the child has written the file `child`. */
async function orphan(child: string): Promise<void> {
  const runner = path.resolve(import.meta.dirname, '../src/process-group.ts');
  const parent = `const { runProcessGroup } = await import(${JSON.stringify(runner)});
    await runProcessGroup({ command: 'bash', args: ['-c', ${JSON.stringify(child)}], logFile: '${folder}/log', eventsFile: '${folder}/events', onEvent: () => {}, signal: new AbortController().signal });`;
  const starter = spawn('node', ['--input-type=module', '-e', parent], { stdio: 'ignore' });
  await appears('child');
  starter.kill('SIGKILL');
}

it('closes the lifeline of the child when this process dies', async () => {
  await orphan(
    `echo $$ > ${folder}/child; echo $PROMETHEUS_LIFELINE > ${folder}/lifeline; cat > /dev/null; echo ended > ${folder}/ended`,
  );
  expect(await appears('ended')).toBe('ended');
  expect(await appears('lifeline')).toBe('stdin');
});

it('lets the child print while it saves, after this process has died', async () => {
  await orphan(
    `echo $$ > ${folder}/child; cat > /dev/null; echo saving && echo still >&2 && echo saved > ${folder}/saved`,
  );
  expect(await appears('saved')).toBe('saved');
  expect(readFileSync(path.join(folder, 'log'), 'utf8')).toBe('saving\nstill\n');
});
