import { prepareDataset as writeDataset } from '@prometheus-actions/dataset';
import type { DatasetSection } from '@prometheus-actions/recipe';
import { type Json, runStage, type StageInput, type StageOutcome } from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { fetchHubFiles, resolveHubDataset } from './hub-dataset.ts';

export interface PrepareSettings {
  title: string;
  /** `source.files` are absolute paths. */
  dataset: DatasetSection;
  outputDir: string;
}

/** Turns rows into messages, splits them exactly as scikit-learn does, and writes what `datasets.load_from_disk` reads. */
export async function prepareDataset(
  settings: PrepareSettings,
  context: ChainContext,
): Promise<StageOutcome> {
  const { source, system_prompt, columns, split } = settings.dataset;
  const hub =
    source.hub === undefined
      ? undefined
      : await resolveHubDataset(source.hub, source.revision, source.hub_files);
  const localFiles = [source.files ?? []].flat();
  const input: StageInput = hub ? { reference: `${hub.id}@${hub.commit}` } : { paths: localFiles };
  return runStage(
    {
      name: 'prepare-dataset',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: { system_prompt: system_prompt ?? null, columns, split, hub_files: source.hub_files ?? null },
      inputs: { source: input },
      revision: 1,
      versions: {},
      resumable: false,
      describe: (metrics) => {
        const { train, test } = metrics as unknown as { train: { rows: number }; test?: { rows: number } };
        return `${train.rows} rows to train on, ${test?.rows ?? 0} to test`;
      },
      run: async (stage) => {
        const files = hub ? await fetchHubFiles(hub, stage.progress, stage.signal) : localFiles;
        stage.progress.phase('preparing rows');
        const prepared = await writeDataset(
          { source: { files }, ...(system_prompt === undefined ? {} : { system_prompt }), columns, split },
          stage.stagingDir,
          {
            signal: stage.signal,
            onProgress: (done, total, unit) => stage.progress.progress(done, total, unit),
          },
        );
        return { metrics: prepared as unknown as Json };
      },
    },
    context,
  );
}
