import path from 'node:path';
import { confined, confinementFrom, isThere, PROJECT_ROOT } from '@prometheus-actions/stage';
import type { z } from 'zod';
import { checkSchema } from './check-schema.ts';
import type { Diagnostic } from './diagnostics.ts';
import { launchConfigSchema } from './launch-schema.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import type { recipeSchema } from './recipe-schema.ts';
import { type Finding, missingFile, readYamlFile, type YamlFile } from './yaml-file.ts';

/** How training is launched. */
export interface Launch {
  /** Absolute path of the accelerate config. */
  configFile: string;
  config: z.output<typeof launchConfigSchema>;
  /** The config, for findings that need more than it says itself. */
  yaml: YamlFile;
  /** Over all nodes. */
  processes: number;
  launcher: 'local' | 'slurm' | 'none';
  /** Nodes that the processes are spread over; 1 but under Slurm, since other launchers know their own. */
  nodes: number;
  /** Options of `salloc` for an allocation of our own. */
  slurmOptions: readonly string[];
}

type LaunchSection = z.output<typeof recipeSchema>['launch'];

/** Reads the section `launch` of a recipe, and the accelerate config that it names. */
export function readLaunch(
  { config, processes, launcher, slurm }: LaunchSection,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Launch | undefined {
  const report = (key: string[], finding: Finding) => yaml.diagnose({ path: ['launch', ...key] }, finding);
  const nodes = slurm?.nodes ?? 1;
  if (slurm && launcher !== 'slurm') {
    const message = `launch.slurm is there, and launch.launcher is ${launcher}`;
    const hint = 'Write launcher: slurm, or leave launch.slurm out.';
    diagnostics.push(report(['slurm'], { code: 'launch-mismatch', message, hint }));
  }
  if (processes % nodes !== 0) {
    const message = `${processes} processes can't be spread evenly over ${nodes} nodes`;
    const hint = 'State the processes of all nodes together (--processes): nodes × GPUs of a node.';
    diagnostics.push(report(['slurm', 'nodes'], { code: 'indivisible-processes', message, hint }));
  }
  for (const option of slurm?.options ?? []) {
    if (!/^(--nodes\b|-N|--ntasks|-n)/.test(option)) continue;
    const message = `${option}: nodes and tasks follow from launch.slurm.nodes and launch.processes`;
    diagnostics.push(report(['slurm', 'options'], { code: 'bad-value', message, hint: 'Leave it out.' }));
  }
  const folder = path.dirname(yaml.file);
  const at = (finding: Finding) => report(['config'], finding);
  if (!isNamed(config)) resolveInRecipe(config, { root: folder, from: folder }, at, diagnostics);
  const read = confined(confinementFrom(yaml.file), () =>
    readLaunchConfig(config, folder, processes, diagnostics, at),
  );
  return read && { ...read, launcher, nodes, slurmOptions: slurm?.options ?? [] };
}

/** Reads an accelerate config, named under recipes/accelerate or by its path; `report` is for when it isn't there. */
export function readLaunchConfig(
  config: string,
  folder: string,
  processes: number,
  diagnostics: Diagnostic[],
  report: (finding: Finding) => Diagnostic = ({ code, message, hint }) => ({
    severity: 'error',
    code,
    message,
    hint,
    file: config,
    line: 1,
    column: 1,
  }),
): Launch | undefined {
  const configFile = launchConfigFile(config, folder);
  if (!isThere(configFile)) {
    const { hint: _hint, ...finding } = missingFile(path.basename(configFile), configFile);
    diagnostics.push(report({ ...finding, hint: 'Give a path, or one of the names cpu, ddp and zero3.' }));
    return undefined;
  }
  // As accelerate reads it: in YAML 1.1 a plain `no` is false.
  const yaml = readYamlFile(configFile, diagnostics, { version: '1.1' });
  if (yaml) diagnostics.push(...yaml.otherReadings());
  const section = yaml && checkSchema(launchConfigSchema, yaml, diagnostics);
  if (!yaml || !section) return undefined;
  if ((section.num_machines ?? 1) > 1) {
    const message = `num_machines is ${section.num_machines}: how many nodes train is not said here`;
    const hint =
      'Write num_machines: 1, and launcher: slurm with its nodes, or launcher: none, in recipe.yaml.';
    diagnostics.push(yaml.diagnose({ path: ['num_machines'] }, { code: 'launch-mismatch', message, hint }));
  }
  return { configFile, config: section, yaml, processes, launcher: 'local', nodes: 1, slurmOptions: [] };
}

/** The accelerate config that a recipe in a folder names: one of recipes/accelerate by its name, or a path. */
export function launchConfigFile(config: string, folder: string): string {
  return isNamed(config) ? namedFile(config) : path.resolve(folder, config);
}

function isNamed(config: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(config) && isThere(namedFile(config));
}

function namedFile(config: string): string {
  return path.join(PROJECT_ROOT, 'recipes/accelerate', `${config}.yaml`);
}
