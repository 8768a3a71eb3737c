import path from 'node:path';
import {
  checkExpert,
  type Diagnostic,
  deriveAccumulation,
  type Expert,
  inSourceOrder,
  type Launch,
  RecipeError,
  readLaunchConfig,
  readTrainingFile,
  type TrainingSection,
} from '@prometheus-actions/recipe';
import { ConfigurationError, isThere } from '@prometheus-actions/stage';
import { z } from 'zod';
import { type ModelReference, parseModelReference } from '../model-reference.ts';
import { sftTrain } from '../sft-train.ts';
import { warningsAbout } from '../validation/annotations.ts';
import { number, text } from './input-fields.ts';
import { recipeInputs, required, runFromPlan, runOf, stageRequest, tellFindings } from './request.ts';

export const sftTrainRequest = stageRequest({
  name: 'sft-train',
  summary: 'Train one expert on prepared data: a whole model, or a LoRA adapter.',
  inputs: z.strictObject({
    ...recipeInputs,
    expert: text('With a recipe: the name of the expert in it.'),
    model: text(
      'Without a recipe: the base model, a folder or id@revision on the Hugging Face hub (default: model_name_or_path and model_revision of the training arguments).',
    ),
    dataset_dir: text('Without a recipe: prepared data, a folder with train/ and perhaps test/.'),
    config: text('Without a recipe: YAML file of training arguments.'),
    launch_config: text(
      'Without a recipe: accelerate config, a name (cpu, ddp, zero3) or a file (default: cpu).',
    ),
    output_dir: text('Without a recipe: the folder to make.'),
    max_minutes: number(
      'This run stops, with a checkpoint, before it has taken that long; the next one goes on. Over the training arguments, if they allow more.',
    ),
  }),
  run: async (inputs, context) => {
    const limit = (training: TrainingSection) => withTimeLimit(training, inputs.max_minutes);
    if (inputs.recipe) {
      const run = await runOf({ ...inputs, recipe: inputs.recipe }, context);
      const experts = run.recipe.experts.map((expert) => ({ ...expert, training: limit(expert.training) }));
      const planned = { ...run, recipe: { ...run.recipe, experts } };
      return runFromPlan(planned, `sft-train/${required(inputs.expert, 'expert')}`, context);
    }
    const { launch, expert, diagnostics } = readFiles(
      required(inputs.config, 'config'),
      inputs.launch_config ?? 'cpu',
      inputs.processes,
    );
    tellFindings(diagnostics, context.reporter);
    return sftTrain(
      {
        title: 'sft-train',
        model: inputs.model ? parseModelReference(inputs.model) : modelOf(expert),
        dataset: path.resolve(required(inputs.dataset_dir, 'dataset_dir')),
        training: limit(expert.training),
        launch,
        warnings: warningsAbout(diagnostics),
        outputDir: path.resolve(required(inputs.output_dir, 'output_dir')),
      },
      context,
    );
  },
});

function withTimeLimit(training: TrainingSection, minutes: number | undefined): TrainingSection {
  if (minutes === undefined) return training;
  if (minutes <= 0) throw new ConfigurationError(`max-minutes: expected minutes above 0, found ${minutes}`);
  return { ...training, maxMinutes: Math.min(minutes, training.maxMinutes ?? minutes) };
}

function readFiles(
  config: string,
  launchConfig: string,
  processes = 1,
): { launch: Launch; expert: Expert; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const launch = readLaunchConfig(launchConfig, process.cwd(), processes, diagnostics);
  const training = readTrainingFile(path.resolve(config), diagnostics, ({ code, message }) => {
    throw new ConfigurationError(message, { hint: `It is named by the input config (${code}).` });
  });
  if (training) checkExpert(training, { launch, dataset: undefined }, diagnostics);
  const expert =
    training &&
    deriveAccumulation(
      { name: 'expert', dataset: '', training: training.section, yaml: training.yaml },
      processes,
      diagnostics,
    );
  if (!launch || !expert || diagnostics.some(({ severity }) => severity === 'error')) {
    throw new RecipeError(inSourceOrder(diagnostics));
  }
  return { launch, expert, diagnostics: inSourceOrder(diagnostics) };
}

/** The model that a training file names by itself, as files for TRL do. */
function modelOf({ training, yaml }: Expert): ModelReference {
  const { name, revision = 'main' } = required(training.model, 'model');
  const folder = path.resolve(path.dirname(yaml.file), name);
  if (isThere(folder)) return { path: folder };
  return parseModelReference(isThere(name) ? name : `${name}@${revision}`);
}
