// Plain JavaScript without dependencies: the command starts npm with it before anything is installed.
import { realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';

// By the last word, so that TOKENIZERS_PARALLELISM is none; `KEY` alone only at the end, as git numbers GIT_CONFIG_KEY_0.
const SECRET_NAME =
  /(?:TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(?:_|$)|_KEY$|(?:^|_)(?:AUTH|JWT|PAT)(?:_|$)/i;
// Of the hub and of GitHub, under whatever name, in an address too.
const SECRET_VALUE = /(?:^|[^A-Za-z0-9])(?:hf_|gh[oprsu]_|github_pat_)[A-Za-z0-9_]{16,}/;
// What a runner gives to a step itself, and what is meant for installers and for git: mirrors have credentials in their
// addresses, git's settings headers with a token.
const OTHERS =
  /^(?:INPUT|ACTIONS)_|^GITHUB_(?:ENV|OUTPUT|PATH|STATE|STEP_SUMMARY)$|^(?:UV|PIP|NPM|GIT_CONFIG)_/i;

/**
 * The environment of a child process: this one's without tokens, keys and the runner's channels, with what is added. All else
 * stays; RUNNER_TRACKING_ID among it, by which a runner finds its orphans. The PATH has absolute folders only: in another one a
 * program of the working folder would be found, which is a checkout.
 */
export function childEnvironment(added = {}, kept = /(?!)/, env = process.env) {
  const mine = Object.entries(env).filter(
    ([name, value]) => value !== undefined && (kept.test(name) || !isSecret(name, value)),
  );
  const all = { ...Object.fromEntries(mine), ...added };
  return all.PATH === undefined ? all : { ...all, PATH: absoluteFolders(all.PATH).join(':') };
}

/**
 * The PATH without folders of the checkout: what installs, and what reads a checkout of strangers, is none of its own programs.
 */
export function pathOutside(env = process.env) {
  const workspace = env.GITHUB_WORKSPACE;
  return absoluteFolders(env.PATH ?? '')
    .filter((folder) => !workspace || !isWithin(folder, workspace))
    .join(':');
}

/** Those that do not depend on the working folder. */
function absoluteFolders(list) {
  return list.split(':').filter(isAbsolute);
}

function isWithin(folder, workspace) {
  const way = relative(realPath(workspace), realPath(folder));
  return way === '' || (way !== '..' && !way.startsWith('../'));
}

function realPath(folder) {
  try {
    return realpathSync.native(folder);
  } catch {
    return resolve(folder); // nothing is found in a folder that is not there
  }
}

function isSecret(name, value) {
  return SECRET_NAME.test(name) || SECRET_VALUE.test(value) || OTHERS.test(name);
}
