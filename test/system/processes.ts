import { readdirSync, readFileSync } from 'node:fs';

/** Processes that run for a folder: it stands in their command line, or in the environment that they were started with. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const zombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        const runs = !zombie && (command.includes(folder) || environment.includes(folder));
        return runs ? [{ pid: Number(pid), command }] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}
