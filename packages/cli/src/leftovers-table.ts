import path from 'node:path';
import type { Leftover } from '@prometheus-actions/chain';
import { formatBytes } from '@prometheus-actions/stage';

/** What can go or has gone, then what is kept and why, each with its size and age; the largest first. */
export function leftoversTable(
  leftovers: readonly Leftover[],
  { artifactsDir, removed }: { artifactsDir: string; removed: boolean },
): string {
  const going = leftovers.filter(({ fate }) => fate === 'remove');
  const kept = leftovers.filter(({ fate }) => fate === 'keep');
  const bytes = formatBytes(going.reduce((sum, leftover) => sum + leftover.bytes, 0));
  const rows = (chosen: readonly Leftover[]) => tableLines(chosen, artifactsDir);
  const none = `Nothing to remove in ${artifactsDir}.`;
  const done = removed ? `Removed, ${bytes}:` : `Would be removed, ${bytes}; with --yes it is:`;
  return [
    ...(going.length === 0 ? [none] : [done, ...rows(going)]),
    ...(kept.length === 0 ? [] : ['', 'Kept:', ...rows(kept)]),
  ].join('\n');
}

function tableLines(leftovers: readonly Leftover[], artifactsDir: string): string[] {
  const rows = leftovers.map(({ path: target, bytes, modified, reason }) => [
    formatBytes(bytes).padStart(8),
    age(modified).padStart(8),
    shortPath(target, artifactsDir),
    reason,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`);
}

function shortPath(target: string, artifactsDir: string): string {
  const relative = path.relative(artifactsDir, target);
  return relative.startsWith('..') ? target : relative;
}

function age(modified: number): string {
  const minutes = Math.max(0, Math.floor((Date.now() - modified) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} d`;
}
