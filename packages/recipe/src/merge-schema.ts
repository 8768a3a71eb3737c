import { z } from 'zod';

/** mergekit's three ways to write a parameter: one value, values over the layers, or values by tensor. */
function parameter(value: z.ZodType, kind: string) {
  const values = z.array(value).min(1, 'the list is empty');
  const conditions = z.array(
    z.strictObject({
      filter: z
        .string()
        .min(1)
        .nullish()
        .describe('Part of the names of the tensors that it is for (default: all).'),
      value: z.union([value, values], `expected ${kind}, or a list of them, spread over the layers`),
    }),
  );
  return z
    .union(
      [value, values, conditions],
      `expected ${kind}, a list of them, spread over the layers, or a list of {filter, value}`,
    )
    .optional();
}

const number = z.number();
const flag = z.union([z.boolean(), z.literal([0, 1])], 'expected true or false');

const parameters = z
  .strictObject({
    weight: parameter(number, 'a number').describe(
      'Share of a model; with normalize only the ratio of the weights counts.',
    ),
    density: parameter(number.min(0).max(1), 'a number from 0 to 1').describe(
      'ties, dare_*: share of the elements of a task vector that is kept.',
    ),
    normalize: parameter(flag, 'true or false').describe('Divide by the sum of the weights.'),
    rescale: parameter(flag, 'true or false').describe('dare_*: divide what is kept by the density.'),
    lambda: parameter(number, 'a number').describe('Factor of the sum of the task vectors.'),
    t: parameter(number, 'a number').describe('slerp: 0 is the base model, 1 the other one.'),
    p: parameter(number.min(0).lt(1), 'a number from 0 to below 1').describe(
      'supermario: probability of keeping an element.',
    ),
    int8_mask: parameter(flag, 'true or false').describe('Known to mergekit; changes no result.'),
  })
  .meta({
    id: 'parameters',
    description:
      "Each is written as one value, as a list that is spread over the layers, or as a list of {filter, value}, of which the first whose filter is part of a tensor's name counts for it.",
  });

const model = z
  .string()
  .min(1)
  .meta({
    description:
      'A folder, folder+adapter for a LoRA on its base, ${expert} for an expert of this run, or ${base} for its base model.',
    examples: ['${absolute}', '${relative}', '${base}'],
  });
const dtype = z.enum(['float32', 'bfloat16', 'float16']);

/** `merge.yaml`: a mergekit configuration, as far as this project's engine runs it. */
export const mergeSchema = z
  .strictObject({
    models: z
      .array(z.strictObject({ model, parameters: parameters.nullish() }))
      .min(1, 'no model is listed')
      .optional()
      .describe('What is merged.'),
    slices: z
      .array(
        z.strictObject({
          sources: z.array(
            z.strictObject({
              model,
              layer_range: z
                .tuple([z.literal(0, 'whole models are merged: the range begins with 0'), z.int().positive()])
                .describe('[0, number of layers].'),
              parameters: parameters.nullish(),
            }),
          ),
          base_model: model.optional(),
          parameters: parameters.nullish(),
        }),
      )
      .length(1, 'whole models are merged, in one slice; for more write engine: mergekit in recipe.yaml')
      .optional()
      .describe('Instead of models: one slice with all layers.'),
    merge_method: z
      .enum(['linear', 'slerp', 'task_arithmetic', 'ties', 'dare_ties', 'dare_linear', 'supermario'])
      .describe(
        'How the models are combined; another one of mergekit needs engine: mergekit in recipe.yaml.',
      ),
    base_model: model
      .optional()
      .describe(
        'What task vectors are taken against; for slerp the model at t = 0. Config and tokenizer come from it; with linear nothing else does.',
      ),
    parameters: parameters.nullish().describe('For all models.'),
    dtype: dtype.optional().describe('Data type of the result.'),
    out_dtype: dtype.optional().describe('Data type of the result, over dtype.'),
    tokenizer_source: z
      .string()
      .min(1)
      .refine((value) => value !== 'union', 'vocabularies are not mixed: name a model, or base')
      .optional()
      .describe('The model whose tokenizer the result gets, or base (default: that of the donor).'),
    chat_template: z
      .string()
      .min(1)
      .optional()
      .describe("Jinja text that replaces the donor's chat template."),
  })
  .meta({ oneOf: [{ required: ['models'] }, { required: ['slices'] }] });

export type MergeSection = z.output<typeof mergeSchema>;
export type MergeMethod = MergeSection['merge_method'];
export type MergeParameter = keyof z.output<typeof parameters>;

/** A configuration for mergekit itself, which checks the rest. */
export const mergekitSchema = z.looseObject({
  merge_method: z.string().min(1).describe("Any of mergekit's methods."),
});
