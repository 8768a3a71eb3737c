import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StoredComment {
  id: number;
  body: string;
  html_url: string;
  user: { login: string; type: 'Bot' | 'User' };
}

/** GitHub's REST API as far as comments on one pull request go: listed by pages, added, changed; a token writes as a bot. */
export interface CommentServer {
  api: string;
  repository: string;
  number: number;
  token: string;
  comments: StoredComment[];
  /** `POST /repos/…`, in the order in which they came. */
  requests: string[];
  /** Answers every request with this status. */
  refusal?: number;
  close: () => void;
}

/** GitHub refuses a longer body with 422. */
const MOST_CHARACTERS = 65_536;

export async function commentServer(): Promise<CommentServer> {
  const server = createServer(async (request, response) => {
    const answer = await answerTo(request, state);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.content));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const state: CommentServer = {
    api: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    repository: 'owner/judges',
    number: 7,
    token: 'a-token',
    comments: [],
    requests: [],
    close: () => server.close(),
  };
  return state;
}

async function answerTo(
  request: IncomingMessage,
  state: CommentServer,
): Promise<{ status: number; content: unknown }> {
  const { pathname, searchParams } = new URL(request.url ?? '', state.api);
  state.requests.push(`${request.method} ${pathname}`);
  if (state.refusal) return { status: state.refusal, content: { message: 'Resource not accessible' } };
  if (request.headers.authorization !== `Bearer ${state.token}`) {
    return { status: 401, content: { message: 'Bad credentials' } };
  }
  const issues = `/repos/${state.repository}/issues`;
  const list = `${issues}/${state.number}/comments`;
  if (request.method === 'GET' && pathname === list) {
    const [size, page] = [Number(searchParams.get('per_page')), Number(searchParams.get('page'))];
    return { status: 200, content: state.comments.slice(size * (page - 1), size * page) };
  }
  let text = '';
  for await (const chunk of request) text += chunk;
  const { body } = JSON.parse(text) as { body: string };
  if (body.length > MOST_CHARACTERS) return { status: 422, content: { message: 'body is too long' } };
  if (request.method === 'POST' && pathname === list) {
    return { status: 201, content: addComment(state, body, 'Bot') };
  }
  const comment = state.comments.find(({ id }) => pathname === `${issues}/comments/${id}`);
  if (request.method !== 'PATCH' || !comment) return { status: 404, content: { message: 'Not Found' } };
  comment.body = body;
  return { status: 200, content: comment };
}

export function addComment(state: CommentServer, body: string, type: 'Bot' | 'User'): StoredComment {
  const id = 1000 + state.comments.length;
  const comment: StoredComment = {
    id,
    body,
    html_url: `https://github.com/${state.repository}/pull/${state.number}#issuecomment-${id}`,
    user: { login: type === 'Bot' ? 'github-actions[bot]' : 'someone', type },
  };
  state.comments.push(comment);
  return comment;
}
