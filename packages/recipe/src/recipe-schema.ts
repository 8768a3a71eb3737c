import { z } from 'zod';

/** A name that becomes a folder name: no separators, no leading dot. */
const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'a name has letters, digits, dot, dash and underscore, and starts with a letter or digit',
  );

const wholeNumber = z.int().positive();

/**
 * JSON Schema keywords for what zod can't say, which the checks of the whole recipe say with a message of their own:
 * metadata of zod goes into the JSON Schema as it is.
 */
function exactlyOneOf(...keys: string[]) {
  return { oneOf: keys.map((key) => ({ required: [key] })) };
}

/** `recipe.yaml`: what the chain does. */
export const recipeSchema = z.strictObject({
  name: nameSchema.describe('Name of the recipe, and of its folder of artifacts.'),
  base_model: z
    .strictObject({
      id: z
        .string()
        .regex(/^[\w.-]+\/[\w.-]+$/, 'expected owner/name, as on the hub; a folder is written as path')
        .optional()
        .describe('Repository of the model on the Hugging Face hub.'),
      revision: z
        .string()
        .min(1)
        .optional()
        .describe('Commit of that repository; a branch or tag is not reproducible.'),
      path: z.string().min(1).optional().describe('Folder of a model on this machine.'),
      random: z
        .string()
        .min(1)
        .optional()
        .describe('A transformers config.json: a model with random weights is made from it.'),
      seed: z.int().nonnegative().optional().describe('Seed of the random weights.'),
      dtype: z
        .enum(['float32', 'bfloat16', 'float16'])
        .optional()
        .describe('Data type of the random weights.'),
      tokenizer: z.enum(['mistral-v1']).optional().describe('Tokenizer of the random model.'),
    })
    .meta({
      description:
        'What is trained: a hub repository (id, revision), a folder (path) or a random model (random, seed).',
      ...exactlyOneOf('id', 'path', 'random'),
      dependencies: { id: ['revision'] },
    }),
  dataset: z.string().min(1).describe('The file that says how datasets are prepared.'),
  experts: z
    .record(
      nameSchema,
      z
        .strictObject({
          dataset: nameSchema.describe('A dataset of the dataset file.'),
          sft: z.string().min(1).describe('The file of training arguments.'),
        })
        .describe('An expert, by its name.'),
    )
    .refine((experts) => Object.keys(experts).length > 0, 'at least one expert is needed')
    .meta({
      description: 'The models that are trained, each on one dataset. In merge.yaml ${name} stands for one.',
      minProperties: 1,
      not: { required: ['base'] },
    }),
  launch: z
    .strictObject({
      config: z.string().min(1).describe('An accelerate config: a name under recipes/accelerate, or a path.'),
      processes: wholeNumber.default(1).describe('Training processes over all nodes, one for each GPU.'),
      launcher: z
        .enum(['local', 'slurm', 'none'])
        .default('local')
        .describe(
          'What starts them: local, accelerate on this machine; slurm, one step on the nodes of an allocation; none, a launcher of your own, for which the job is made ready.',
        ),
      slurm: z
        .strictObject({
          nodes: wholeNumber
            .default(1)
            .describe('Nodes that train together; the processes are spread evenly over them.'),
          options: z
            .array(z.string().regex(/^-/, 'an option of salloc, such as --partition=gpu'))
            .default([])
            .describe(
              'Options of salloc (--partition, --time, --gpus-per-node …), with which an allocation is asked for where there is none yet.',
            ),
        })
        .optional()
        .describe('With launcher: slurm.'),
    })
    .meta({
      description: 'How training is launched.',
      if: { required: ['slurm'] },
      then: { required: ['launcher'], properties: { launcher: { const: 'slurm' } } },
    }),
  merge: z
    .union(
      [
        z.string().min(1),
        z
          .strictObject({
            config: z
              .string()
              .min(1)
              .describe('A mergekit configuration, with ${expert} for the experts of this run.'),
            adapters: z
              .enum(['first', 'on-the-fly'])
              .default('first')
              .describe(
                'LoRA experts: first, each is merged into the base and written as a model; on-the-fly, while the experts are merged, with one rounding and without these models.',
              ),
            engine: z
              .enum(['native', 'mergekit'])
              .default('native')
              .describe("native, this project's own; mergekit, for what only mergekit itself can do."),
            seed: z
              .int()
              .nonnegative()
              .default(0)
              .describe('Seed of random masks (dare_linear, dare_ties, supermario).'),
            donor: z
              .string()
              .min(1)
              .optional()
              .describe(
                'The model whose config and tokenizer the judge gets, written as in the configuration (default: its base_model, else its first model).',
              ),
          })
          .meta({
            not: {
              required: ['engine', 'adapters'],
              properties: { engine: { const: 'mergekit' }, adapters: { const: 'on-the-fly' } },
            },
          }),
      ],
      'expected a path, or config and what else there is to say',
    )
    .describe('How the experts become one model: a mergekit configuration, or config with options.'),
});

export type RecipeSection = z.output<typeof recipeSchema>;

const sourceSchema = z
  .strictObject({
    files: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)], 'expected a path or a list of paths')
      .optional()
      .describe(
        'Files on this machine, patterns (part-*.jsonl) or folders: JSON arrays, JSON Lines, both also as gzip and zstd, Parquet, Arrow. Relative to this file.',
      ),
    hub: z.string().min(1).optional().describe('Dataset repository on the Hugging Face hub.'),
    revision: z.string().min(1).optional().describe('Commit of that repository.'),
    hub_files: z.array(z.string().min(1)).min(1).optional().describe('Its data files, in order.'),
  })
  .meta(exactlyOneOf('files', 'hub'));

/** `dataset.yaml`: a dataset by name. */
export const datasetFileSchema = z.record(
  nameSchema,
  z
    .strictObject({
      source: z
        .union(
          [sourceSchema, z.array(sourceSchema).min(1)],
          'expected files or hub, or a list of such sources',
        )
        .describe('Where the rows come from; several sources are read one after the other.'),
      system_prompt: z
        .string()
        .optional()
        .describe('Put before each user message, with a blank line between.'),
      columns: z
        .strictObject({
          user: z.string().min(1).optional().describe('The column with the prompt.'),
          assistant: z.string().min(1).optional().describe('The column with the answer that is learnt.'),
          messages: z
            .string()
            .min(1)
            .optional()
            .describe('Instead of these: a column of messages, a list of {"role", "content"}.'),
        })
        .meta({
          description: 'Which columns become messages: user and assistant, or messages.',
          ...exactlyOneOf('user', 'messages'),
          dependencies: { user: ['assistant'], assistant: ['user'] },
        }),
      keep_columns: z
        .array(z.string().min(1))
        .optional()
        .describe('Columns of the prepared data beside messages (default: all; []: none).'),
      limit: z.int().positive().optional().describe('Only the first rows, for a quick trial.'),
      split: z
        .union(
          [
            z.literal('none'),
            z.strictObject({
              test_size: z.number().positive().describe('Share of the rows (below 1), or their number.'),
              seed: z.int().min(0).max(4294967295).describe("scikit-learn's random_state."),
              by: z
                .string()
                .min(1)
                .optional()
                .describe('A column: rows with the same value there stay on one side.'),
            }),
          ],
          'expected none, or test_size and seed',
        )
        .describe(
          "Test rows are chosen exactly as scikit-learn's train_test_split chooses them; with by, whole groups.",
        ),
    })
    .meta({
      description: 'A dataset, by the name that experts of recipe.yaml know it by.',
      not: {
        required: ['system_prompt', 'columns'],
        properties: { columns: { type: 'object', required: ['messages'] } },
      },
    }),
);

type DatasetFileSection = z.output<typeof datasetFileSchema>[string];

/** Where rows come from: files of this machine, or of a hub repository. */
export type SourceSection =
  | { files: string[] }
  | { hub: string; revision?: string | undefined; hub_files?: string[] | undefined };

/** One dataset, with its sources as a list and all paths absolute. */
export interface DatasetSection extends Omit<DatasetFileSection, 'source' | 'columns'> {
  sources: SourceSection[];
  columns: { user: string; assistant: string } | { messages: string };
}
