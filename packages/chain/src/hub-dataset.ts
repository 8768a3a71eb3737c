import { datasetInfo, downloadFileToCacheDir, type HubApiError, listFiles } from '@huggingface/hub';
import { ConfigurationError, type StageProgress } from '@prometheus-actions/stage';

/** A dataset repository at a commit, and the data files wanted from it. */
export interface HubDataset {
  id: string;
  commit: string;
  files: string[];
}

/**
 * Resolves a revision to its commit and lists the data files.
 *
 * The library ignores the variables that Python's library honours, so `HF_ENDPOINT` and `HF_TOKEN` are passed on here.
 *
 * @throws ConfigurationError when the repository can't be read or has no JSON or Parquet files
 */
export async function resolveHubDataset(
  id: string,
  revision = 'main',
  wanted?: readonly string[],
): Promise<HubDataset> {
  try {
    const { sha } = await datasetInfo({ name: id, revision, additionalFields: ['sha'], ...hubOptions() });
    if (wanted) return { id, commit: sha, files: [...wanted] };
    const files: string[] = [];
    for await (const file of listFiles({
      repo: { type: 'dataset', name: id },
      revision: sha,
      recursive: true,
      ...hubOptions(),
    })) {
      if (file.type === 'file' && /\.(json|parquet)$/.test(file.path)) files.push(file.path);
    }
    if (files.length === 0) throw new ConfigurationError(`the dataset ${id} has no .json or .parquet file`);
    return { id, commit: sha, files: files.sort() };
  } catch (error) {
    throw explain(error, id);
  }
}

/** Paths of the files in the cache that Python's library shares; what is there already is not fetched again. */
export async function fetchHubFiles(
  dataset: HubDataset,
  progress: StageProgress,
  signal: AbortSignal,
): Promise<string[]> {
  const paths: string[] = [];
  for (const file of dataset.files) {
    progress.phase(`fetching ${dataset.id}/${file}`);
    signal.throwIfAborted();
    try {
      const repo = { type: 'dataset', name: dataset.id } as const;
      paths.push(
        await downloadFileToCacheDir({ repo, path: file, revision: dataset.commit, ...hubOptions() }),
      );
    } catch (error) {
      throw explain(error, dataset.id);
    }
  }
  return paths;
}

function hubOptions(): { hubUrl: string; accessToken?: string } {
  const token = process.env.HF_TOKEN;
  return {
    hubUrl: process.env.HF_ENDPOINT ?? 'https://huggingface.co',
    ...(token ? { accessToken: token } : {}),
  };
}

function explain(error: unknown, id: string): unknown {
  if (error instanceof ConfigurationError) return error;
  const { statusCode, message } = error as HubApiError;
  const reason = statusCode === undefined ? message : `the hub answered ${statusCode}`;
  return new ConfigurationError(`the dataset ${id} can't be fetched: ${reason}`, {
    hint:
      statusCode === 401 || statusCode === 403
        ? 'Set HF_TOKEN to a token that may read it; a gated dataset must be accepted on its page first.'
        : 'Is the name right, and is the hub reachable? HF_ENDPOINT names another hub.',
    cause: error,
  });
}
