import { prepareDataset as writeDataset } from '@prometheus-actions/dataset';
import { fetchFiles, type HubRepo, hubSettings, listRepoFiles, resolveRepo } from '@prometheus-actions/hub';
import type { DatasetSection } from '@prometheus-actions/recipe';
import {
  ConfigurationError,
  type Json,
  runStage,
  type StageContext,
  type StageInput,
  type StageOutcome,
} from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';

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
      : await resolveRepo(
          { type: 'dataset', id: source.hub, revision: source.revision ?? 'main' },
          hubSettings(),
          context.signal,
        );
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
        const files = hub ? await fetchDataset(hub, source.hub_files, stage) : localFiles;
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

/** The data files of a dataset, all or those that are named, in the cache that Python's library shares. */
async function fetchDataset(
  hub: HubRepo,
  wanted: readonly string[] | undefined,
  { progress, signal }: StageContext,
): Promise<string[]> {
  progress.phase(`fetching ${hub.id}`);
  return fetchFiles(hub, wanted ?? (await dataFiles(hub, signal)), hubSettings(), {
    signal,
    onProgress: (done, total) => progress.progress(done, total, 'bytes'),
    onWait: (holder) => progress.phase(`waiting for ${holder}`),
  });
}

async function dataFiles(hub: HubRepo, signal: AbortSignal): Promise<string[]> {
  const files = (await listRepoFiles(hub, hubSettings(), signal)).map((file) => file.path);
  const data = files.filter((file) => /\.(json|parquet)$/.test(file)).sort();
  if (data.length > 0) return data;
  throw new ConfigurationError(`the dataset ${hub.id} has no .json or .parquet file`, {
    hint: `Its files are: ${files.join(', ') || 'none'}.`,
  });
}
