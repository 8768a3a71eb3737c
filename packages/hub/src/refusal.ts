import { ConfigurationError, printable } from '@prometheus-actions/stage';
import type { Answer } from './http-answer.ts';
import type { HubSettings } from './hub-settings.ts';
import { describeRepo, pageOf, type RepoReference } from './repository.ts';

/** What was asked for, as far as an answer may blame it. */
export interface Subject extends Pick<RepoReference, 'type' | 'id' | 'revision'> {
  file?: string;
}

/**
 * Why a hub refused, and what to do. Codes are those that the hub sends as `X-Error-Code`.
 *
 * Who may not know that a repository exists gets 401 for it, as for one that doesn't exist.
 */
export function explainRefusal(
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  subject: Subject,
  settings: HubSettings,
): ConfigurationError {
  const repo = describeRepo(subject);
  const page = pageOf(subject, settings);
  const { token } = settings;
  const code = headers.get('x-error-code');
  const message = headers.get('x-error-message');
  const refusal = (problem: string, hint: string) => new ConfigurationError(problem, { hint });

  if (code === 'GatedRepo') {
    return refusal(
      `${repo} is gated: its terms have to be accepted`,
      token
        ? `Accept them on ${page} with the account of the token in ${token.source}; the token needs the right to read gated repositories.`
        : `Accept them on ${page}, then set HF_TOKEN to a token of that account.`,
    );
  }
  if (code === 'RevisionNotFound') {
    return refusal(
      `${repo} has no revision '${subject.revision}'`,
      `Take a commit from ${page}/commits/main, or the name of a branch or a tag.`,
    );
  }
  if (code === 'EntryNotFound' || (code === null && status === 404 && subject.file !== undefined)) {
    return refusal(
      `${repo} has no file '${subject.file}' at ${subject.revision}`,
      `Its files are listed on ${page}/tree/${subject.revision}.`,
    );
  }
  if (status === 401 && token && (code === null || message?.startsWith('Invalid credentials'))) {
    return refusal(
      `the hub does not accept the token in ${token.source}`,
      `It may have expired or been revoked: make a new one on ${settings.endpoint}/settings/tokens.`,
    );
  }
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    return refusal(
      `the hub has no ${subject.type} ${subject.id}, or it is private`,
      token
        ? `Check the name on ${page}; a private one is found only with a token of an account that may read it (the token comes from ${token.source}).`
        : `Check the name on ${page}; for a private one set HF_TOKEN to a token that may read it.`,
    );
  }
  const said = message ? `: ${withoutToken(printable(message), token).slice(0, 300)}` : '';
  return refusal(
    `the hub answered ${status} for ${repo}${said}`,
    status === 403
      ? `Its page is ${page}. ${token ? `May the token in ${token.source} read it?` : 'HF_TOKEN may be needed.'}`
      : `Its page is ${page}. Does HF_ENDPOINT (${settings.endpoint}) name a hub?`,
  );
}

/** A hub, or a proxy before it, may quote what it was sent. */
function withoutToken(text: string, token: HubSettings['token']): string {
  return token ? text.replaceAll(token.value, '***') : text;
}
