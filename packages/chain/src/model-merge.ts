import path from 'node:path';
import { type Merge, mergeSettings } from '@prometheus-actions/recipe';
import { type Json, runStage, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { describeMerge } from './merge-report.ts';
import { type NamedModels, type ResolvedConfig, resolveConfig } from './merged-models.ts';
import { type ModelReference, modelJson } from './model-reference.ts';
import { requireFreeDisk } from './preflight.ts';
import { runPythonStage } from './python-stage.ts';
import { folderBytes, weightBytes } from './weight-files.ts';

export interface ModelMergeSettings {
  title: string;
  merge: Merge;
  /** What `${name}` in the configuration stands for; `base` is what the others were trained from. */
  models: NamedModels;
  outputDir: string;
}

/** Merges models as a mergekit configuration says. */
export async function modelMerge(settings: ModelMergeSettings, context: ChainContext): Promise<StageOutcome> {
  const { merge, models, outputDir } = settings;
  const { seed, engine } = merge;
  const byMergekit = engine === 'mergekit';
  const resolved = resolveConfig(merge.config as Json, merge.donor, models, merge.folder, byMergekit);
  const environment = () => context.python(byMergekit ? ['base', 'mergekit'] : ['base']);
  return runStage(
    {
      name: 'model-merge',
      title: settings.title,
      outputDir,
      settings: mergeSettings(merge),
      inputs: resolved.inputs,
      revision: 4,
      versions: byMergekit ? mergekitVersions((await environment()).versions) : {},
      resumable: true,
      keepsOutput: true,
      preflight: async (stagingDir) => {
        const bytes = await judgeBytes(resolved);
        const left = bytes - (await folderBytes(stagingDir));
        if (left > 0) await requireFreeDisk(path.dirname(outputDir), left, 'the judge');
      },
      describe: describeMerge,
      run: async (stage) => {
        const { python } = await environment();
        const job = {
          config: resolved.config,
          models: Object.fromEntries(
            Object.entries(resolved.models).map(([name, model]) => [name, modelJson(model)]),
          ),
          donor: resolved.donor,
          seed,
          output_dir: stage.stagingDir,
          work_dir: stage.workDir,
        };
        const module = byMergekit ? 'mergekit_merge' : 'model_merge';
        return runPythonStage(stage, { python, module, job, models: readModels(resolved) });
      },
    },
    context,
  );
}

/** The models that the configuration names. The base is compared with where it is on this machine, and not fetched for that. */
function readModels({ config, donor, models }: ResolvedConfig): ModelReference[] {
  const text = JSON.stringify([config, donor]);
  return Object.entries(models).flatMap(([name, model]) => (text.includes(`\${${name}}`) ? [model] : []));
}

/** The native engine's sums do not depend on versions; mergekit's may. */
function mergekitVersions(versions: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    ['mergekit', 'torch'].flatMap((name) => (versions[name] ? [[name, versions[name]]] : [])),
  );
}

/** About how large the result is: as the largest model, in the data type of the result. */
async function judgeBytes({ config, models, inputs }: ResolvedConfig): Promise<number> {
  const dtype = config.out_dtype ?? config.dtype;
  const references = [
    ...Object.values(models),
    ...Object.values(inputs)
      .flatMap((input) => ('paths' in input ? input.paths : []))
      .map((folder) => ({ path: folder })),
  ];
  const sizes = references.map((model) => weightBytes(model, typeof dtype === 'string' ? dtype : undefined));
  return Math.max(0, ...(await Promise.all(sizes)));
}
