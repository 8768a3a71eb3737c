/** One message of a conversation, as chat templates take it. */
export interface Message {
  content: string;
  role: string;
}

/** What is wrong with a row's messages, for a person, and what to do about it. */
export interface MessagesProblem {
  problem: string;
  hint: string;
}

/**
 * What is wrong with a row's messages; undefined where nothing is.
 *
 * A key beside role and content says nothing where its value is null or empty: Arrow pads messages with such keys, for
 * all have those that any of them has. A conversation is trained on as chat templates render it: perhaps a system message, then user and assistant in turn,
 * the assistant last.
 */
export function messagesProblem(value: unknown): MessagesProblem | undefined {
  if (!Array.isArray(value)) return { problem: 'is no list of messages', hint: CONVERSATION };
  if (value.length === 0) return { problem: 'is an empty list', hint: CONVERSATION };
  for (const [place, message] of (value as unknown[]).entries()) {
    const found = messageProblem(message);
    if (found) return { ...found, problem: `message ${place} (from 0) ${found.problem}` };
  }
  const problem = turnsProblem((value as Message[]).map(({ role }) => role));
  return problem === undefined ? undefined : { problem, hint: CONVERSATION };
}

const CONVERSATION =
  'Messages are {"role", "content"}: perhaps a system message, then user and assistant in turn, the assistant last.';

function messageProblem(message: unknown): MessagesProblem | undefined {
  if (message === null || typeof message !== 'object' || Array.isArray(message)) {
    return { problem: 'is no object', hint: CONVERSATION };
  }
  const { role, content, ...others } = message as Record<string, unknown>;
  if (typeof role !== 'string') return { problem: 'has no text as its "role"', hint: CONVERSATION };
  const other = Object.keys(others).find((key) => !saysNothing(others[key]));
  if (other !== undefined) {
    return {
      problem: `has the key "${other}" beside "role" and "content": ${shown(others[other])}`,
      hint: `Nothing but role and content is trained on. Drop the rows for which "${other}" matters, and take the key out of the others or make it null.`,
    };
  }
  if (typeof content !== 'string') {
    return { problem: 'has no text as its "content"', hint: CONVERSATION };
  }
  if (!role.isWellFormed() || !content.isWellFormed()) {
    return {
      problem: 'holds half of a surrogate pair, which has no UTF-8 form',
      hint: 'Replace the escape, or write both halves.',
    };
  }
  return undefined;
}

/** Null, an empty list, or keys that all say nothing, as Arrow fills up what a row does not have. */
function saysNothing(value: unknown): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.values(value as object).every(saysNothing);
}

/** Characters of a value that a message shows. */
const SHOWN = 40;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
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
