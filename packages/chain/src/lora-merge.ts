import path from 'node:path';
import { adapterSettings } from '@prometheus-actions/recipe';
import { runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { type ModelReference, modelInput, modelJson } from './model-reference.ts';
import { requireFreeDisk } from './preflight.ts';
import { runPythonStage } from './python-stage.ts';
import { folderBytes, weightBytes } from './weight-files.ts';

export interface LoraMergeSettings {
  title: string;
  base: ModelReference;
  /** A PEFT adapter. */
  adapter: string;
  /** Data type of the result; the base's own when absent. */
  dtype?: string | undefined;
  outputDir: string;
}

/** Merges an adapter into its base model, tensor by tensor, with one rounding. */
export async function loraMerge(settings: LoraMergeSettings, context: ChainContext): Promise<StageOutcome> {
  const stageSettings = adapterSettings(settings.dtype);
  return runStage(
    {
      name: 'lora-merge',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: stageSettings,
      inputs: { base: modelInput(settings.base), adapter: { paths: [settings.adapter] } },
      revision: 4,
      versions: {},
      resumable: true,
      keepsOutput: true,
      preflight: async (stagingDir) => {
        const bytes = await weightBytes(settings.base, settings.dtype);
        const left = bytes - (await folderBytes(stagingDir));
        if (left > 0) await requireFreeDisk(path.dirname(settings.outputDir), left, 'the merged expert');
      },
      run: async (stage) => {
        const { python } = await context.python(['base']);
        const job = {
          base: modelJson(settings.base),
          adapter: settings.adapter,
          dtype: stageSettings.dtype,
          output_dir: stage.stagingDir,
          work_dir: stage.workDir,
        };
        return runPythonStage(stage, { python, module: 'lora_merge', job, models: [settings.base] });
      },
    },
    context,
  );
}
