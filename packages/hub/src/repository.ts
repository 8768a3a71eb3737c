import { ConfigurationError } from '@prometheus-actions/stage';
import type { HubSettings } from './hub-settings.ts';

/** A repository as a person names it. */
export interface RepoReference {
  type: 'dataset' | 'model';
  /** `owner/name`, or `name` for the oldest ones. */
  id: string;
  /** A branch, a tag or a commit. */
  revision: string;
}

/** A repository at a commit, which never changes. */
export interface HubRepo {
  type: 'dataset' | 'model';
  id: string;
  /** 40 hexadecimal digits. */
  commit: string;
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/**
 * Refuses an id that no repository can have, before it becomes part of a path or an address.
 *
 * The rules are those of `validate_repo_id` in Python's `huggingface_hub`.
 *
 * @throws ConfigurationError
 */
export function checkRepoId({ type, id }: Pick<RepoReference, 'type' | 'id'>): void {
  const parts = id.split('/');
  const valid =
    parts.length <= 2 &&
    parts.every((part) => /^(?=\w)[\w.-]{1,96}(?<=\w)$/.test(part)) &&
    !/--|\.\.|\.git$/.test(id);
  if (!valid) {
    throw new ConfigurationError(`'${id}' can't be the name of a ${type} on the hub`, {
      hint: 'Give owner/name as on its page: letters, digits, and - _ . between them.',
    });
  }
}

/** Whether a path, from whomever, stays within the folder that it is relative to. */
export function isInnerPath(file: string): boolean {
  return !file.includes('\0') && file.split('/').every((part) => !['', '.', '..'].includes(part));
}

/** `the dataset owner/name`, for messages. */
export function describeRepo({ type, id }: Pick<RepoReference, 'type' | 'id'>): string {
  return `the ${type} ${id}`;
}

/** The repository's page, for people. */
export function pageOf({ type, id }: Pick<RepoReference, 'type' | 'id'>, settings: HubSettings): string {
  return `${settings.endpoint}/${type === 'dataset' ? 'datasets/' : ''}${id}`;
}

/** Where a file's content is to be had; the hub answers with it, or with a redirect to where it is stored. */
export function contentUrl(repo: HubRepo, file: string, settings: HubSettings): string {
  return `${pageOf(repo, settings)}/resolve/${repo.commit}/${file.split('/').map(encodeURIComponent).join('/')}`;
}
