import { z } from 'zod';

const parameters = z.strictObject({
  weight: z.number().optional().describe('Share of this model; with normalize only the ratio counts.'),
  normalize: z.boolean().optional().describe('Divide by the sum of the weights (default true).'),
});

/** `merge.yaml`: a mergekit configuration, as far as this project's engine runs it. */
export const mergeSchema = z.strictObject({
  models: z
    .array(
      z.strictObject({
        model: z.string().min(1).describe('A folder, or ${expert} for an expert of this run.'),
        parameters: parameters.optional(),
      }),
    )
    .min(2, 'a merge needs two models or more')
    .describe('What is merged.'),
  merge_method: z.enum(['linear']).describe('linear: the weighted sum of the models.'),
  parameters: parameters.optional(),
  dtype: z.enum(['float32', 'bfloat16', 'float16']).optional().describe('Data type of the result.'),
  out_dtype: z
    .enum(['float32', 'bfloat16', 'float16'])
    .optional()
    .describe('Data type of the result, over dtype.'),
});

export type MergeSection = z.output<typeof mergeSchema>;
