import { z } from 'zod';
import { flag, list, text, wholeNumber } from './input-fields.ts';

/** The check of recipes as its action is asked for it; `action.yml` is made from it. */
export const validateRecipeRequest = {
  name: 'validate-recipe',
  summary:
    "Check all files of recipes, annotate what is wrong on its line, say what a pull request changes, and output the plan for a workflow's matrix.",
  inputs: z.strictObject({
    recipe: text(
      'One recipe: its folder, its recipe.yaml, or the name of a recipe of this project; several, one a line.',
    ),
    recipes: list(
      'Without recipe: recipes, one a line; also patterns (`judges/*`), and after a ! what they leave out (default: every recipe.yaml of the workspace).',
    ),
    changed_only: flag(
      'Check only recipes of which a file differs from the base commit, also a file that they name: true or false.',
    ),
    base: text(
      "Commit to compare with (default: the pull request's base). It must be in the checkout: fetch-depth: 0.",
    ),
    sarif_file: text('File to write the findings to as SARIF 2.1.0, for code scanning.'),
    artifacts_dir: text(
      "Folder of a recipe's outputs, for its plan (default: a folder under the runner's tool cache).",
    ),
    processes: wholeNumber("Training processes, one a GPU, instead of the recipe's."),
  }),
  outputs: {
    valid: 'Whether no recipe has an error.',
    recipes: 'The recipes that were checked, as a JSON array.',
    errors: 'How many errors there are.',
    warnings: 'How many warnings there are.',
    sarif: 'The SARIF file, where one is asked for.',
    plan: 'The plan of a single recipe, as JSON; its stages with their outputs and what they need.',
    name: 'Name of a single recipe.',
    datasets: 'Names of its datasets, as a JSON array.',
    experts: 'Names of its experts, as a JSON array.',
    adapters: 'Names of the experts that are trained as LoRA adapters, as a JSON array.',
    'artifacts-dir': 'Folder of its outputs.',
  },
};

export type ValidateInputs = z.output<typeof validateRecipeRequest.inputs>;
