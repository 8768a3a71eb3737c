/** One message of a conversation, as chat templates take it. */
export interface Message {
  content: string;
  role: string;
}

/**
 * What is wrong with a row's messages, for a person; undefined where nothing is.
 *
 * A conversation is trained on as chat templates render it: perhaps a system message, then user and assistant in turn,
 * the assistant last.
 */
export function messagesProblem(value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'is no list of messages';
  if (value.length === 0) return 'is an empty list';
  for (const [place, message] of (value as unknown[]).entries()) {
    const problem = messageProblem(message);
    if (problem) return `message ${place} (from 0) ${problem}`;
  }
  return turnsProblem((value as Message[]).map(({ role }) => role));
}

function messageProblem(message: unknown): string | undefined {
  if (message === null || typeof message !== 'object' || Array.isArray(message)) return 'is no object';
  const { role, content, ...others } = message as Record<string, unknown>;
  if (typeof role !== 'string') return 'has no text as its "role"';
  if (typeof content !== 'string') return 'has no text as its "content"';
  const [other] = Object.keys(others);
  if (other !== undefined) return `has the key "${other}" beside "role" and "content"`;
  if (!content.isWellFormed()) return 'holds half of a surrogate pair, which has no UTF-8 form';
  return undefined;
}

function turnsProblem(roles: readonly string[]): string | undefined {
  const first = roles[0] === 'system' ? 1 : 0;
  for (let place = first; place < roles.length; place++) {
    const expected = (place - first) % 2 === 0 ? 'user' : 'assistant';
    if (roles[place] !== expected) {
      return `message ${place} (from 0) has the role "${roles[place]}" where "${expected}" should stand`;
    }
  }
  return roles.at(-1) === 'assistant' ? undefined : 'ends without an answer of the assistant';
}
