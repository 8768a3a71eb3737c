import path from 'node:path';
import { architectureOf, loadRecipe } from '@prometheus-actions/recipe';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { parseGpu } from '../src/gpus.ts';
import { possibleChanges } from '../src/setup-changes.ts';
import { trainedParameters } from '../src/trained-parameters.ts';
import { trainingSetup } from '../src/training-setup.ts';
import { knownArchitecture, setupOf } from './setup-of.ts';

const NAMES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

describe('the targets of a training file', () => {
  const { recipe } = loadRecipe(path.join(PROJECT_ROOT, 'recipes/smoke-7b'));
  const architecture = architectureOf(recipe.baseModel);
  if (!architecture || 'problem' in architecture) throw new Error('the smoke model is not known');

  const trainable = (targets: unknown) => {
    const [expert] = recipe.experts;
    if (!expert) throw new Error('no expert');
    const given = { ...expert.training.arguments, use_peft: true, lora_target_modules: targets };
    const lora = { ...expert, training: { ...expert.training, arguments: given } };
    const setup = trainingSetup(recipe, lora, architecture.architecture, undefined);
    return trainedParameters(architecture.architecture, setup.lora).trainable;
  };

  it.each([
    ['the text all-linear', 'all-linear', NAMES],
    ['a list with all-linear', ['all-linear'], NAMES],
    ['the name of one layer', 'q_proj', ['q_proj']],
    ['a pattern', '.*_proj', NAMES],
    ['a list with a pattern', ['.*\\.(q|v)_proj'], ['q_proj', 'v_proj']],
    ['null', null, ['q_proj', 'v_proj']],
  ])('are counted: %s', (_name, targets, same) => {
    expect(trainable(targets)).toBe(trainable([...same, 'no_such_layer']));
    expect(trainable(targets)).toBeGreaterThan(0);
  });
});

it.each(['mistralai/Mistral-7B-Instruct-v0.2', 'mistralai/Mixtral-8x7B-Instruct-v0.1'])(
  'suggests all-linear for %s',
  (id) => {
    const suggested = possibleChanges(setupOf({ architecture: knownArchitecture(id) }), parseGpu('H100'));
    expect(suggested.map(({ text }) => text)).toContain('use_peft: true with lora_r: 64 on all-linear');
  },
);
