export { type FetchOptions, fetchFiles } from './fetch-files.ts';
export { type HubSettings, hubSettings } from './hub-settings.ts';
export { type HubFile, listRepoFiles } from './list-repo-files.ts';
export { type PartialDownload, partialDownloads, removePartialDownload } from './partial-downloads.ts';
export type { HubRepo, RepoReference } from './repository.ts';
export { resolveRepo } from './resolve-repo.ts';
