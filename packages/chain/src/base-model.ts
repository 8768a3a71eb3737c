import { baseModelSettings } from '@prometheus-actions/recipe';
import type { Json } from '@prometheus-actions/stage';
import { readJsonFile, runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { runPythonStage } from './python-stage.ts';

export interface BaseModelSettings {
  /** A transformers config.json. */
  configFile: string;
  seed: number;
  dtype: string;
  tokenizer: string;
  outputDir: string;
}

/** Makes a model with random weights, for recipes that try out the chain. */
export async function makeBaseModel(
  settings: BaseModelSettings,
  context: ChainContext,
): Promise<StageOutcome> {
  const config = readJsonFile(settings.configFile) as Json;
  const stageSettings = baseModelSettings(settings, config);
  return runStage(
    {
      name: 'base-model',
      title: 'base-model',
      outputDir: settings.outputDir,
      settings: stageSettings,
      inputs: {},
      revision: 1,
      versions: {},
      resumable: false,
      // Experts that start together on one machine both want it first.
      waitForLock: true,
      run: async (stage) => {
        const { python } = await context.python(['base']);
        const job = { ...stageSettings, output_dir: stage.stagingDir };
        return runPythonStage(stage, { python, module: 'base_model', job, models: [] });
      },
    },
    context,
  );
}
