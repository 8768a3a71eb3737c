import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '@prometheus-actions/stage';

const NODES = ['n1', 'n2'] as const;
type NodeName = (typeof NODES)[number];
// In the environment of a node's daemons; its tasks have Slurm's SLURMD_NODENAME.
const DAEMON_OF = 'TEST_CLUSTER_DAEMON_OF';

const START_MS = 30_000;

/** A Slurm cluster of two nodes on this machine, in a folder of its own. */
export interface Cluster {
  /** With which Slurm's commands find it. */
  env: { SLURM_CONF: string };
  /** Runs one of Slurm's commands; what it prints. */
  slurm: (command: string, ...args: string[]) => Promise<string>;
  /** Waits until both nodes are idle; one that dies while it cleans up after a job keeps Slurm busy for a minute. */
  isIdle: () => Promise<void>;
  /** Kills a node's daemon and all that runs there, as when it loses power. */
  killNode: (name: NodeName) => void;
  /**
   * Starts the daemon of a killed node; Slurm gives it work as soon as it has registered.
   *
   * @param without a folder that the node does not see
   */
  restartNode: (name: NodeName, without?: string) => void;
  /** Processes of steps on any node: what the cluster runs now. */
  stepProcesses: () => number[];
  /** Ends all of it, whatever state it is in. */
  stop: () => Promise<void>;
}

/**
 * Starts munged, slurmctld and a slurmd for each node, and waits until both nodes are idle.
 *
 * @throws where Slurm or munge is not installed, and for anybody but root
 */
export async function startCluster(): Promise<Cluster> {
  await requirePrograms();
  const folder = mkdtempSync(path.join(tmpdir(), 'prometheus-slurm-'));
  chmodSync(folder, 0o755); // munged's socket must be in reach of everybody
  const conf = path.join(folder, 'slurm.conf');
  const munge = path.join(folder, 'munge');
  const key = `${munge}.key`;
  writeFileSync(key, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o400 });
  writeFileSync(conf, await configuration(folder, munge));
  const env = { SLURM_CONF: conf };
  const daemons = new Map<string, ChildProcess>();
  const start = (name: string, command: string, args: string[]) => {
    const log = openSync(path.join(folder, `${name}.out`), 'a');
    const variables = { ...process.env, ...env, [DAEMON_OF]: name };
    daemons.set(name, spawn(command, args, { stdio: ['ignore', log, log], env: variables, detached: true }));
    closeSync(log);
  };
  const slurm = async (command: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await runCommand(command, args, { env });
    if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}`);
    return stdout;
  };
  const startNode = (name: NodeName, without?: string) => {
    const slurmd = ['slurmd', '-D', '-N', name];
    if (without === undefined) return start(name, 'env', slurmd);
    const hidden = ['--mount', 'sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', without, ...slurmd];
    return start(name, 'unshare', hidden);
  };
  const until = async (condition: () => Promise<boolean> | boolean, what: string) => {
    const deadline = Date.now() + START_MS;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`not ${what} after ${START_MS} ms:\n${logs(folder)}`);
      await sleep(100);
    }
  };
  const areIdle = async (nodes: readonly string[]) => {
    const args = ['--noheader', '--nodes', nodes.join(','), '--format=%T %D'];
    return (
      (await runCommand('timeout', ['5', 'sinfo', ...args], { env })).stdout.trim() === `idle ${nodes.length}`
    );
  };
  const cluster: Cluster = {
    env,
    slurm,
    isIdle: () => until(() => areIdle(NODES), 'idle'),
    killNode: (name) => {
      for (const variable of [`${DAEMON_OF}=${name}`, `SLURMD_NODENAME=${name}`]) {
        for (const pid of processesWith(variable, conf)) kill(pid);
      }
    },
    restartNode: startNode,
    stepProcesses: () => processesWith('SLURMD_NODENAME=', conf),
    stop: async () => {
      await runCommand('timeout', ['10', 'scancel', '--user=root'], { env });
      for (const daemon of [...daemons.values()].reverse()) {
        if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
        const ended = new Promise((resolve) => daemon.once('exit', resolve));
        daemon.kill('SIGTERM');
        await Promise.race([ended, sleep(5_000)]);
        daemon.kill('SIGKILL');
      }
      for (const pid of processesWith('', conf)) kill(pid);
    },
  };
  try {
    start('munge', 'munged', [
      '--foreground',
      ...[`--key-file=${key}`, `--socket=${munge}.socket`, `--log-file=${munge}.log`],
      ...[`--pid-file=${munge}.pid`, `--seed-file=${munge}.seed`],
    ]);
    await until(() => existsSync(`${munge}.socket`), 'listening');
    start('slurmctld', 'slurmctld', ['-D']);
    for (const name of NODES) startNode(name);
    await cluster.isIdle();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

async function requirePrograms(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('a Slurm cluster can be started by root only');
  for (const program of ['munged', 'slurmctld', 'slurmd', 'srun']) {
    const { exitCode } = await runCommand('sh', ['-c', `command -v ${program}`]);
    if (exitCode !== 0)
      throw new Error(`there is no ${program} (Debian and Ubuntu: apt-get install slurm-wlm munge)`);
  }
}

function logs(folder: string): string {
  const files = readdirSync(folder).filter((file) => file.endsWith('.out'));
  return files
    .map((file) => `== ${file}\n${readFileSync(path.join(folder, file), 'utf8').slice(-2000)}`)
    .join('\n');
}

async function configuration(folder: string, munge: string): Promise<string> {
  const host = hostname().split('.')[0] ?? 'localhost';
  const [controller, ...ports] = await freePorts(1 + NODES.length);
  mkdirSync(path.join(folder, 'state'));
  for (const name of NODES) mkdirSync(path.join(folder, name));
  return `${[
    'ClusterName=test',
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controller}`,
    'SlurmUser=root',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${munge}.socket`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SelectType=select/cons_tres',
    'MpiDefault=none',
    'ReturnToService=2',
    `StateSaveLocation=${folder}/state`,
    `SlurmctldPidFile=${folder}/slurmctld.pid`,
    `SlurmdPidFile=${folder}/%n.pid`,
    `SlurmdSpoolDir=${folder}/%n`,
    'SlurmdTimeout=10',
    'KillWait=10',
    ...NODES.map(
      (name, index) => `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[index]} CPUs=2`,
    ),
    'PartitionName=main Nodes=ALL Default=YES State=UP',
  ].join('\n')}\n`;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === 'object' && address ? address.port : 0;
  });
}

/** Processes of the cluster of a configuration, whose environment has a variable that begins so. */
function processesWith(variable: string, conf: string): number[] {
  return allProcesses().filter((pid) => hasVariable(pid, `SLURM_CONF=${conf}`) && hasVariable(pid, variable));
}

function hasVariable(pid: number, start: string): boolean {
  return read(`/proc/${pid}/environ`)
    .split('\0')
    .some((variable) => variable.startsWith(start));
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
