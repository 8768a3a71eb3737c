import path from 'node:path';
import type { MergeSection } from '@prometheus-actions/recipe';
import { ConfigurationError, type Json, runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { requireFreeDisk } from './preflight.ts';
import { runPythonStage } from './python-stage.ts';
import { weightBytes } from './weight-files.ts';

export interface ModelMergeSettings {
  title: string;
  /** A mergekit configuration with `${name}` for the experts. */
  merge: MergeSection;
  /** Folder of each expert's model by its name. */
  experts: Record<string, string>;
  /** Where relative model paths start. */
  folder: string;
  outputDir: string;
}

/** Merges models as a mergekit configuration says. */
export async function modelMerge(settings: ModelMergeSettings, context: ChainContext): Promise<StageOutcome> {
  const folders = settings.merge.models.map(({ model }) => modelFolder(model, settings));
  return runStage(
    {
      name: 'model-merge',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: settings.merge as Json,
      inputs: { models: { paths: folders } },
      revision: 1,
      versions: {},
      resumable: false,
      preflight: async () => {
        const [largest = 0] = (
          await Promise.all(folders.map((folder) => weightBytes({ path: folder })))
        ).sort((a, b) => b - a);
        await requireFreeDisk(path.dirname(settings.outputDir), largest, 'the judge');
      },
      run: async (stage) => {
        const { python } = await context.python(['base']);
        const models = settings.merge.models.map((entry, index) => ({
          ...entry,
          model: folders[index] ?? '',
        }));
        const config = { ...settings.merge, models } as Json;
        const job = { config, output_dir: stage.stagingDir, donor: null };
        return runPythonStage(stage, { python, module: 'model_merge', job });
      },
    },
    context,
  );
}

function modelFolder(model: string, { experts, folder }: ModelMergeSettings): string {
  const filled = model.replace(/\$\{([^}]*)\}/g, (_whole, name: string) => {
    const expert = experts[name];
    if (expert === undefined) {
      throw new ConfigurationError(`the merge configuration names \${${name}}, and no such model is given`, {
        hint: `Given are: ${Object.keys(experts).join(', ') || 'none'}.`,
      });
    }
    return expert;
  });
  return path.resolve(folder, filled);
}
