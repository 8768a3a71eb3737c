import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';

/** Copies the smoke recipe to a folder, with another section `launch`, and eight small steps for its expert `absolute`. */
export function smokeRecipe(folder: string, launch: string): string {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  change(path.join(folder, 'recipe.yaml'), /^launch: .*$/m, `launch: ${launch}`);
  const training = path.join(folder, 'absolute.yaml');
  change(training, /per_device_train_batch_size: \d+/, 'per_device_train_batch_size: 1');
  change(training, /global_batch_size: \d+/, 'global_batch_size: 2');
  change(training, /max_steps: \d+/, 'max_steps: 8');
  change(training, /logging_steps: \d+/, 'logging_steps: 1');
  change(training, /save_steps: \d+/, 'save_steps: 2');
  return folder;
}

/**
 * Copies the smoke recipe to a folder without its second expert: the first is merged with the base model.
 *
 * @param training values of keys of the training that differ
 */
export function oneExpertRecipe(folder: string, training: Record<string, number | string> = {}): void {
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-7b'), folder, { recursive: true });
  change(path.join(folder, 'recipe.yaml'), /name: smoke-7b/, 'name: one-expert');
  change(path.join(folder, 'recipe.yaml'), /^ {2}relative: .*\n/m, '');
  change(path.join(folder, 'merge.yaml'), /\$\{relative\}$/m, '$${base}');
  for (const [key, value] of Object.entries(training))
    change(path.join(folder, 'absolute.yaml'), new RegExp(`^${key}: .*$`, 'm'), `${key}: ${value}`);
}

/** The same recipe, with two steps of training a LoRA adapter, which is merged with the base and then by mergekit. */
export function adapterRecipe(folder: string, launch: string): void {
  oneExpertRecipe(folder, {
    per_device_train_batch_size: 1,
    global_batch_size: 2,
    max_steps: 2,
    logging_steps: 1,
  });
  change(path.join(folder, 'recipe.yaml'), /^launch: .*$/m, `launch: ${launch}`);
  change(path.join(folder, 'recipe.yaml'), /^merge: .*$/m, 'merge: { config: merge.yaml, engine: mergekit }');
  const training = path.join(folder, 'absolute.yaml');
  change(training, /$/, 'use_peft: true\nlora_r: 4\nlora_target_modules: [q_proj, v_proj]\n');
}

/** A launch config for CPUs that states a port, which is taken until `release` is called. */
export async function configWithTakenPort(
  folder: string,
): Promise<{ config: string; port: number; release: () => void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const config = path.join(folder, 'cpu-with-port.yaml');
  const cpu = readFileSync(path.join(PROJECT_ROOT, 'recipes/accelerate/cpu.yaml'), 'utf8');
  writeFileSync(config, `${cpu}main_process_port: ${port}\n`);
  return { config, port, release: () => server.close() };
}

function change(file: string, from: RegExp, to: string): void {
  const before = readFileSync(file, 'utf8');
  if (!from.test(before)) throw new Error(`${file} has no ${from}`);
  writeFileSync(file, before.replace(from, to));
}
