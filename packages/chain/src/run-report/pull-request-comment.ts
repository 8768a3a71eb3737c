import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HttpClient, HttpClientError } from '@actions/http-client';
import { BearerCredentialHandler } from '@actions/http-client/lib/auth';
import { ConfigurationError } from '@prometheus-actions/stage';

/** Characters of a comment, as GitHub's API refuses more; counted in bytes here, which are no fewer. */
export const COMMENT_LIMIT = 65_536;

export interface PullRequest {
  /** Of GitHub's REST API, without a slash at its end. */
  api: string;
  /** `owner/name`. */
  repository: string;
  number: number;
}

/** The pull request that a job runs for, by the variables of the job and its event; undefined for other events. */
export function pullRequestOf(env: NodeJS.ProcessEnv): PullRequest | undefined {
  const { GITHUB_EVENT_PATH: file, GITHUB_REPOSITORY: repository, GITHUB_API_URL: api } = env;
  if (!file || !repository) return undefined;
  const event = JSON.parse(readFileSync(file, 'utf8')) as { pull_request?: { number?: number } };
  const number = event.pull_request?.number;
  return number === undefined ? undefined : { api: api ?? 'https://api.github.com', repository, number };
}

interface Comment {
  id: number;
  body?: string;
  html_url: string;
  user?: { type?: string } | null;
}

/**
 * Writes the one comment about a subject: the one that an earlier run wrote is renewed, so that a pull request has no
 * second one. It is known by a marker that a reader doesn't see, in a comment by a bot: anybody can write the marker.
 *
 * @param subject what tells this comment from others of this kind, such as the name of a recipe
 * @param text the Markdown of the comment within so many bytes
 * @returns the address of the comment
 * @throws ConfigurationError where the token may not write comments
 */
export async function stickyComment(
  { api, repository, number }: PullRequest,
  token: string,
  subject: string,
  text: (limit: number) => string,
): Promise<string> {
  const client = new HttpClient('prometheus-actions', [new BearerCredentialHandler(token)], {
    allowRetries: true,
    maxRetries: 3,
    headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
  });
  const marker = markerOf(subject);
  const body = `${marker}\n${text(COMMENT_LIMIT - marker.length - 1)}`;
  const comments = `${api}/repos/${repository}/issues`;
  try {
    const earlier = await findComment(client, `${comments}/${number}/comments`, marker);
    const written = earlier
      ? await client.patchJson<Comment>(`${comments}/comments/${earlier.id}`, { body })
      : await client.postJson<Comment>(`${comments}/${number}/comments`, { body });
    return found(written).html_url;
  } catch (error) {
    throw refusal(error, repository, number) ?? error;
  } finally {
    client.dispose();
  }
}

/** The name of a recipe could end the HTML comment that the marker is; a digest of it can't. */
function markerOf(subject: string): string {
  return `<!-- prometheus-actions report ${createHash('sha256').update(subject).digest('hex').slice(0, 16)} -->`;
}

const PAGE = 100;

async function findComment(
  client: HttpClient,
  address: string,
  marker: string,
): Promise<Comment | undefined> {
  for (let page = 1; ; page += 1) {
    const comments = found(await client.getJson<Comment[]>(`${address}?per_page=${PAGE}&page=${page}`));
    const own = comments.find(({ body, user }) => user?.type === 'Bot' && body?.startsWith(marker));
    if (own || comments.length < PAGE) return own;
  }
}

/** The client throws for every status that is none of success, but for 404. */
function found<Result>({ result, statusCode }: { result: Result | null; statusCode: number }): Result {
  if (result === null) throw new HttpClientError('Not Found', statusCode);
  return result;
}

/** What GitHub answers to a token that may not write, or that doesn't see the pull request. */
function refusal(error: unknown, repository: string, number: number): ConfigurationError | undefined {
  if (!(error instanceof HttpClientError) || ![401, 403, 404].includes(error.statusCode)) return undefined;
  return new ConfigurationError(
    `no comment on pull request ${number} of ${repository}: GitHub answered ${error.statusCode}, ${error.message}`,
    {
      hint: 'Give the job "permissions: pull-requests: write". The token of a fork\'s pull request may not comment: leave comment out there.',
      cause: error,
    },
  );
}
