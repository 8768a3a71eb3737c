import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { beforeAll, expect, it } from 'vitest';
import { command, olderPackages, pythonCheck, temporaryFolder } from './command.ts';

const runs = path.join(temporaryFolder(), 'runs');
let checked: Record<string, unknown>;

beforeAll(async () => {
  const { code, output } = await command(['replicate', 'recipes/smoke-8x7b', '--artifacts-dir', runs]);
  expect(output).toContain(`The judge is in ${runs}/judge`);
  expect(code).toBe(0);
  checked = pythonCheck('check_adapter_judge.py', [runs]) as Record<string, unknown>;
});

it.each(['absolute', 'relative'])('the %s adapter is a LoRA on all eight target modules', (expert) => {
  const config = JSON.parse(readFileSync(path.join(runs, 'experts', expert, 'adapter_config.json'), 'utf8'));
  expect([...config.target_modules].sort()).toEqual([
    'k_proj',
    'lm_head',
    'o_proj',
    'q_proj',
    'v_proj',
    'w1',
    'w2',
    'w3',
  ]);
  expect(config.lora_dropout).toBe(0.1);
});

it("each merged expert equals PEFT's own merge, element by element", () => {
  expect(checked.elements_unlike_peft).toEqual({ absolute: 0, relative: 0 });
  // q k v o of two layers, three matrices of four experts of two layers, lm_head
  expect(checked.merged_tensors).toEqual({ absolute: 33, relative: 33 });
});

it('the judge has the original tensor names', () => {
  expect(checked.tensor_names).toContain('model.layers.0.block_sparse_moe.experts.0.w1.weight');
  expect(checked.tensor_names).toContain('model.layers.1.block_sparse_moe.gate.weight');
  expect(JSON.parse(readFileSync(path.join(runs, 'judge/config.json'), 'utf8'))).toMatchObject({
    rope_theta: 1e6,
  });
});

it('the judge gives the logits of a float64 merge, within bfloat16 rounding of its weights', () => {
  const { logit_difference, logit_difference_of_one_rounding, logit_difference_of_the_base } =
    checked as Record<string, number>;
  // Each weight was rounded twice: the expert, then the mean of the experts.
  expect(logit_difference).toBeLessThan(2.5 * (logit_difference_of_one_rounding ?? 0));
  expect(logit_difference).toBeLessThan(0.2 * (logit_difference_of_the_base ?? 0));
});

it('transformers 4 and the PEFT of its time read the judge, and the adapters as they are', async () => {
  const packages = await olderPackages('older-readers.lock');
  const found = pythonCheck('check_older_readers.py', [runs], { PYTHONPATH: packages });
  expect(found).toMatchObject({ versions: ['4.57.6', '0.18.0'], missing: [], rope_theta: 1e6 });
  const { adapter_from_merged, adapter_from_base } = found as Record<string, Record<string, number>>;
  for (const expert of ['absolute', 'relative']) {
    // The merged expert was rounded to bfloat16.
    expect(adapter_from_merged?.[expert]).toBeLessThan(0.001 * (adapter_from_base?.[expert] ?? 0));
  }
});

it('is all there by its plan, until a setting changes', async () => {
  const states = async (folder: string) => {
    const { output } = await command(['plan', folder, '--artifacts-dir', runs]);
    return [...output.matchAll(/^ {2}(\S+) +\S+ +(there|to do.*?)(?:,| {2}|$)/gm)].map(([, id, state]) => [
      id,
      state,
    ]);
  };
  const stages = [
    'base-model',
    'prepare-dataset/feedback-collection',
    'prepare-dataset/preference-collection',
  ];
  const trained = ['sft-train/absolute', 'sft-train/relative', 'lora-merge/absolute', 'lora-merge/relative'];
  const all = [...stages, ...trained, 'model-merge'];
  expect(await states('recipes/smoke-8x7b')).toEqual(all.map((id) => [id, 'there']));
  const folder = path.join(temporaryFolder(), 'changed');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-8x7b'), folder, { recursive: true });
  const file = path.join(folder, 'absolute.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('learning_rate: 4.0e-3', 'learning_rate: 3.0e-3'));
  const changed: Record<string, string> = {
    'sft-train/absolute': 'to do: arguments.learning_rate changed',
    'lora-merge/absolute': 'to do: sft-train/absolute to do',
    'model-merge': 'to do: lora-merge/absolute to do',
  };
  expect(await states(folder)).toEqual(all.map((id) => [id, changed[id] ?? 'there']));
});

it('the same adapters merged on the fly make a judge that was rounded once, and no model between', async () => {
  const recipe = path.join(temporaryFolder(), 'smoke-8x7b');
  cpSync(path.join(PROJECT_ROOT, 'recipes/smoke-8x7b'), recipe, { recursive: true });
  const file = path.join(recipe, 'recipe.yaml');
  const section = 'merge: { config: merge.yaml, adapters: on-the-fly }';
  writeFileSync(file, readFileSync(file, 'utf8').replace('merge: merge.yaml', section));
  const { code, output } = await command(['replicate', recipe, '--artifacts-dir', runs]);
  expect(code).toBe(0);
  expect(output).toMatch(/^sft-train\/relative +up to date/m);
  expect(output).toMatch(/^model-merge +done/m);
  expect(output).not.toContain('lora-merge');
  const { inputs } = JSON.parse(readFileSync(path.join(runs, 'judge/stage-manifest.json'), 'utf8'));
  expect(inputs.absolute.from).toBe(path.join(runs, 'experts/absolute'));
  const found = pythonCheck('check_adapter_judge.py', [runs]) as Record<string, number>;
  expect(found.logit_difference).toBeLessThan(1.05 * (found.logit_difference_of_one_rounding ?? 0));
});
