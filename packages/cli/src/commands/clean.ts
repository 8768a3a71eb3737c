import { realpathSync } from 'node:fs';
import { cleanArtifacts, planOf } from '@prometheus-actions/chain';
import { ConfigurationError } from '@prometheus-actions/stage';
import type { Command } from 'commander';
import { leftoversTable } from '../leftovers-table.ts';
import { printedJson } from '../printed-text.ts';
import { commandReporter, type OutputOptions } from '../terminal-reporter.ts';

interface CleanOptions extends OutputOptions {
  artifactsDir?: string;
  output: string[];
  olderThan: string;
  yes?: boolean;
}

/** `clean`: what nobody needs of a recipe's outputs, told, and removed with `--yes`. */
export function addCleanCommand(program: Command): void {
  program
    .command('clean')
    .description(
      'List what nobody needs of the outputs of a recipe: interrupted runs, superseded checkpoints, what the recipe does not name any more. Removed only with --yes.',
    )
    .argument(
      '[recipe]',
      'recipe folder, its recipe.yaml, or a name; without one, outputs of any name count as needed',
    )
    .option('--artifacts-dir <folder>', 'where outputs are kept (default: runs/RECIPE)')
    .option(
      '--output <name>',
      'an output that is to go although it is finished or can go on, such as experts/absolute; repeatable',
      (value: string, earlier: string[]) => [...earlier, value],
      [],
    )
    .option('--older-than <time>', 'keep what was written to more recently, such as 7d, 12h, 30m', '10m')
    .option('--yes', 'remove it')
    .option('--json', 'print the list as JSON')
    .option('--quiet', 'print nothing but errors')
    .action(async (recipe: string | undefined, options: CleanOptions) => {
      const { artifactsDir, plan } = folderOf(recipe, options);
      const removed = options.yes ?? false;
      const leftovers = await cleanArtifacts({
        artifactsDir,
        plan,
        outputs: options.output,
        olderThan: milliseconds(options.olderThan),
        remove: removed,
      });
      if (options.json) process.stdout.write(`${printedJson({ artifactsDir, removed, leftovers })}\n`);
      else {
        const table = leftoversTable(leftovers, { artifactsDir: realpathSync(artifactsDir), removed });
        commandReporter(options).info(table);
      }
    });
}

function folderOf(recipe: string | undefined, { artifactsDir }: CleanOptions) {
  if (recipe !== undefined) {
    const { plan } = planOf(
      { recipe, artifacts_dir: artifactsDir },
      { reporter: commandReporter({ quiet: true }) },
    );
    return { artifactsDir: plan.artifactsDir, plan };
  }
  if (artifactsDir !== undefined) return { artifactsDir, plan: undefined };
  throw new ConfigurationError('neither a recipe nor a folder of artifacts is named', {
    hint: 'Name the recipe, its folder of artifacts with --artifacts-dir, or both.',
  });
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(time: string): number {
  const match = /^(\d+)([mhd])$/.exec(time);
  if (!match) {
    throw new ConfigurationError(`--older-than ${time}: expected a number and m, h or d`, {
      hint: 'For example 7d for seven days, 12h, 30m, or 0m for all.',
    });
  }
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
