import { readFileSync } from 'node:fs';

/** The commit that the pull request, or the group of a merge queue, of this event starts from; from the event's payload. */
export function baseOfEvent(payloadFile: string | undefined): string | undefined {
  if (!payloadFile) return undefined;
  const payload = JSON.parse(readFileSync(payloadFile, 'utf8')) as {
    pull_request?: { base?: { sha?: unknown } };
    merge_group?: { base_sha?: unknown };
  };
  const commit = payload.pull_request?.base?.sha ?? payload.merge_group?.base_sha;
  return typeof commit === 'string' && /^[0-9a-f]{40,64}$/.test(commit) ? commit : undefined;
}
