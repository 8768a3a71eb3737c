import path from 'node:path';
import {
  type DataReport,
  dataReportFindings,
  isDataFile,
  sourceFiles,
  prepareDataset as writeDataset,
} from '@prometheus-actions/dataset';
import { fetchFiles, type HubRepo, hubSettings, listRepoFiles, resolveRepo } from '@prometheus-actions/hub';
import { type DatasetSection, datasetSettings, type SourceSection } from '@prometheus-actions/recipe';
import {
  ConfigurationError,
  type Json,
  runStage,
  type StageContext,
  type StageInput,
  type StageOutcome,
  statFile,
} from '@prometheus-actions/stage';
import type { ChainContext } from './chain-context.ts';
import { requireFreeDisk } from './preflight.ts';
import { type TokenSettings, tokenLimit } from './token-limit.ts';

export interface PrepareSettings {
  title: string;
  dataset: DatasetSection;
  /** Tells how long rows are in tokens. */
  tokens?: TokenSettings | undefined;
  outputDir: string;
}

/** Turns rows into messages, splits them exactly as scikit-learn does, and writes what `datasets.load_from_disk` reads. */
export async function prepareDataset(
  settings: PrepareSettings,
  context: ChainContext,
): Promise<StageOutcome> {
  const { sources: sections, ...dataset } = settings.dataset;
  const sources = await Promise.all(sections.map((section) => resolveSource(section, context.signal)));
  return runStage(
    {
      name: 'prepare-dataset',
      title: settings.title,
      outputDir: settings.outputDir,
      settings: datasetSettings(settings.dataset),
      inputs: Object.fromEntries(
        sources.map((source, index) => [index === 0 ? 'source' : `source ${index + 1}`, stageInput(source)]),
      ),
      revision: 2,
      versions: {},
      resumable: false,
      preflight: () => requireSpace(sources, settings),
      describe: (metrics) => {
        const { train, test } = metrics as unknown as { train: { rows: number }; test?: { rows: number } };
        return `${train.rows} rows to train on, ${test?.rows ?? 0} to test`;
      },
      run: async (stage) => {
        const files: string[] = [];
        for (const source of sources)
          files.push(...('files' in source ? source.files : await fetchSource(source, stage)));
        const tokens = settings.tokens && (await tokenLimit(settings.tokens, stage.reporter, stage.signal));
        stage.progress.phase('preparing rows');
        const prepared = await writeDataset({ source: { files }, ...dataset }, stage.stagingDir, {
          signal: stage.signal,
          tokens,
          onProgress: (done, total, unit) => stage.progress.progress(done, total, unit),
        });
        for (const { severity, message } of dataReportFindings(prepared.report))
          stage.reporter[severity](`${settings.title}: ${message}`);
        return { metrics: prepared as unknown as Json };
      },
    },
    context,
  );
}

/** The result is at least as large as sources of text, unless columns or rows are left out. */
async function requireSpace(sources: readonly ResolvedSource[], settings: PrepareSettings): Promise<void> {
  const { keep_columns, limit } = settings.dataset;
  if (keep_columns !== undefined || limit !== undefined) return;
  const files = sources.flatMap((source) => ('files' in source ? source.files : []));
  const sizes = files.map((file) => statFile(file)?.size ?? 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  await requireFreeDisk(path.dirname(settings.outputDir), bytes, settings.title);
}

/** The data report in the metrics of this stage's manifest. */
export function reportOf(metrics: Json): DataReport {
  return (metrics as unknown as { report: DataReport }).report;
}

type HubSource = { repo: HubRepo; wanted: readonly string[] | undefined };
type ResolvedSource = { files: string[] } | HubSource;

async function resolveSource(source: SourceSection, signal: AbortSignal): Promise<ResolvedSource> {
  if ('files' in source) return { files: await sourceFiles(source.files) };
  const reference = { type: 'dataset', id: source.hub, revision: source.revision ?? 'main' } as const;
  return { repo: await resolveRepo(reference, hubSettings(), signal), wanted: source.hub_files };
}

function stageInput(source: ResolvedSource): StageInput {
  if ('files' in source) return { paths: source.files };
  const { repo, wanted } = source;
  return { reference: `${repo.id}@${repo.commit}${wanted ? `: ${wanted.join(', ')}` : ''}` };
}

/** The data files of a repository, all or those that are named, in the cache that Python's library shares. */
async function fetchSource(
  { repo, wanted }: HubSource,
  { progress, signal }: StageContext,
): Promise<string[]> {
  progress.phase(`fetching ${repo.id}`);
  return fetchFiles(repo, wanted ?? (await dataFiles(repo, signal)), hubSettings(), {
    signal,
    onProgress: (done, total) => progress.progress(done, total, 'bytes'),
    onWait: (holder) => progress.phase(`waiting for ${holder}`),
  });
}

async function dataFiles(repo: HubRepo, signal: AbortSignal): Promise<string[]> {
  const files = (await listRepoFiles(repo, hubSettings(), signal)).map((file) => file.path);
  const data = files.filter(isDataFile).sort();
  if (data.length > 0) return data;
  throw new ConfigurationError(`the dataset ${repo.id} has no data files`, {
    hint: `Its files are: ${files.join(', ') || 'none'}. Data files end in .json, .jsonl, .ndjson (also .gz and .zst), .parquet or .arrow.`,
  });
}
