import path from 'node:path';
import { z } from 'zod';
import { loraMerge } from '../lora-merge.ts';
import { parseModelReference } from '../model-reference.ts';
import { text } from './input-fields.ts';
import { recipeInputs, required, runFromPlan, runOf, stageRequest } from './request.ts';

export const loraMergeRequest = stageRequest({
  name: 'lora-merge',
  summary: 'Merge a LoRA adapter into its base model, tensor by tensor, with one rounding.',
  inputs: z.strictObject({
    ...recipeInputs,
    expert: text('With a recipe: the name of the expert in it.'),
    base: text('Without a recipe: the base model, a folder or id@revision on the Hugging Face hub.'),
    adapter: text('Without a recipe: the folder of the PEFT adapter.'),
    dtype: text(
      "Without a recipe: data type of the result, bfloat16, float16 or float32 (default: the base's).",
    ),
    output_dir: text('Without a recipe: the folder to make.'),
  }),
  run: async (inputs, context) => {
    if (inputs.recipe) {
      const planned = await runOf({ ...inputs, recipe: inputs.recipe }, context);
      return runFromPlan(planned, `lora-merge/${required(inputs.expert, 'expert')}`, context);
    }
    return loraMerge(
      {
        title: 'lora-merge',
        base: parseModelReference(required(inputs.base, 'base')),
        adapter: path.resolve(required(inputs.adapter, 'adapter')),
        dtype: inputs.dtype,
        outputDir: path.resolve(required(inputs.output_dir, 'output_dir')),
      },
      context,
    );
  },
});
