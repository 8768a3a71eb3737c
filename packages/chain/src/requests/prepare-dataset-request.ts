import path from 'node:path';
import { dataReportText } from '@prometheus-actions/dataset';
import { z } from 'zod';
import { parseModelReference } from '../model-reference.ts';
import { prepareDataset, reportOf } from '../prepare-dataset.ts';
import { list, number, text, wholeNumber } from './input-fields.ts';
import { recipeInputs, required, runFromPlan, runOf, stageRequest } from './request.ts';

export const prepareDatasetRequest = stageRequest({
  name: 'prepare-dataset',
  summary:
    'Turn judgement data into chat messages, split it exactly as scikit-learn does, and write it as Arrow.',
  inputs: z.strictObject({
    ...recipeInputs,
    dataset: text('With a recipe: the name of the dataset in it.'),
    files: list(
      'Without a recipe: files, patterns or folders, one a line; JSON, JSON Lines (also .gz, .zst), Parquet, Arrow.',
    ),
    system_prompt: text('Put before each user message, with a blank line between.'),
    user_column: text('Column with the prompt (default: instruction).'),
    assistant_column: text('Column with the answer that is learnt (default: output).'),
    messages_column: text('Instead of these two: a column of messages, a list of {"role", "content"}.'),
    keep_columns: list('Columns to keep beside the messages, one a line (default: all).'),
    limit: wholeNumber('Only the first rows, for a quick trial.'),
    split_by: text('A column: rows with the same value there stay on one side of the split.'),
    test_size: number('Share of test rows (below 1), or their number (default: 0.01; 0: no split).'),
    seed: wholeNumber('Seed of the split (default: 42).'),
    tokenizer: text(
      'Folder, or id@revision on the Hugging Face hub, of a model whose tokenizer counts tokens for the report.',
    ),
    max_length: wholeNumber('Tokens at which training cuts a row, for the report (default: 4096).'),
    output_dir: text('Without a recipe: the folder to make.'),
  }),
  report: (metrics) => dataReportText(reportOf(metrics)),
  run: async (inputs, context) => {
    if (inputs.recipe) {
      const planned = await runOf({ ...inputs, recipe: inputs.recipe }, context);
      return runFromPlan(planned, `prepare-dataset/${required(inputs.dataset, 'dataset')}`, context);
    }
    const testSize = inputs.test_size ?? 0.01;
    return prepareDataset(
      {
        title: 'prepare-dataset',
        dataset: {
          sources: [{ files: required(inputs.files, 'files').map((file) => path.resolve(file)) }],
          system_prompt: inputs.system_prompt,
          columns: inputs.messages_column
            ? { messages: inputs.messages_column }
            : { user: inputs.user_column ?? 'instruction', assistant: inputs.assistant_column ?? 'output' },
          keep_columns: inputs.keep_columns?.length ? inputs.keep_columns : undefined,
          limit: inputs.limit,
          split:
            testSize === 0 ? 'none' : { test_size: testSize, seed: inputs.seed ?? 42, by: inputs.split_by },
        },
        tokens: inputs.tokenizer
          ? { model: parseModelReference(inputs.tokenizer), maxLength: inputs.max_length ?? 4096 }
          : undefined,
        outputDir: path.resolve(required(inputs.output_dir, 'output_dir')),
      },
      context,
    );
  },
});
