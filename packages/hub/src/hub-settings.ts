import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { ConfigurationError, confinement, isBelow } from '@prometheus-actions/stage';

/** Which hub is asked, as whom, how patiently, and where files are kept. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  endpoint: string;
  token?: { value: string /** The variable or file it comes from. */; source: string };
  /** Absolute path of the cache that Python's library shares. */
  cacheDir: string;
  /** The variable that forbids requests, if one does. */
  offline?: 'HF_HUB_OFFLINE' | 'TRANSFORMERS_OFFLINE';
  /** Milliseconds without a byte after which a request about a repository is given up and tried again. */
  metadataTimeout: number;
  /** The same for a download. */
  downloadTimeout: number;
  /** Milliseconds before the first repetition; each further one waits twice as long. */
  retryDelay: number;
  /** How often a request may fail one after the other, without any progress between. */
  attempts: number;
}

/**
 * Settings from the variables that Python's `huggingface_hub` reads (its `constants.py` and `utils/_auth.py`), with
 * the same precedence, so that both see the same cache and the same token. A variable that is empty counts as unset.
 *
 * @throws ConfigurationError for a value that can't be used
 */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const home = env.HOME || homedir();
  const expand = (file: string): string => path.resolve(expandVariables(expandHome(file, home), env));
  const hfHome = expand(
    env.HF_HOME || path.join(env.XDG_CACHE_HOME || path.join(home, '.cache'), 'huggingface'),
  );
  const cacheDir = expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || path.join(hfHome, 'hub'));
  const tokenFile = expand(env.HF_TOKEN_PATH || path.join(hfHome, 'token'));
  for (const place of [cacheDir, tokenFile]) requireOwn(place);
  const token = readToken(env, tokenFile);
  const offline = env.HF_HUB_OFFLINE ? 'HF_HUB_OFFLINE' : 'TRANSFORMERS_OFFLINE';
  return {
    endpoint: readEndpoint(env.HF_ENDPOINT || 'https://huggingface.co'),
    ...(token ? { token } : {}),
    cacheDir,
    ...(isTrue(env[offline]) ? { offline } : {}),
    metadataTimeout: readSeconds(env, 'HF_HUB_ETAG_TIMEOUT') * 1000,
    downloadTimeout: readSeconds(env, 'HF_HUB_DOWNLOAD_TIMEOUT') * 1000,
    retryDelay: 1000,
    attempts: 6,
  };
}

/** Links in a cache that comes with a checkout would lead writes, and the token that is sent, to any file of the machine. */
function requireOwn(place: string): void {
  const rule = confinement();
  if (!rule || !isBelow(place, rule.root)) return;
  throw new ConfigurationError(
    `the hub's files are to be in the workspace, where a checkout puts its own: ${place}`,
    {
      hint: 'Set HF_HOME (HF_HUB_CACHE, HF_TOKEN_PATH) to a folder outside, such as ${{ runner.temp }}/huggingface.',
    },
  );
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(value?.toUpperCase() ?? '');
}

function expandHome(file: string, home: string): string {
  return file === '~' || file.startsWith('~/') ? home + file.slice(1) : file;
}

function expandVariables(file: string, env: NodeJS.ProcessEnv): string {
  return file.replace(/\$(\w+|\{[^}]*\})/g, (whole, name: string) => env[name.replace(/[{}]/g, '')] ?? whole);
}

function readEndpoint(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  // Credentials in the address would be printed with it; a token is what the hub wants.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new ConfigurationError('HF_ENDPOINT is not the address of a hub', {
      hint: 'Give it as https://host, without a user name, a query or a fragment.',
    });
  }
  return value.replace(/\/+$/, '');
}

function readSeconds(env: NodeJS.ProcessEnv, name: string): number {
  const seconds = Number(env[name] || 0);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 86_400) {
    throw new ConfigurationError(`${name} is '${env[name]}'`, { hint: 'Give whole seconds, such as 10.' });
  }
  return seconds || 10;
}

function readToken(env: NodeJS.ProcessEnv, tokenFile: string): HubSettings['token'] {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const variable = env.HF_TOKEN ? 'HF_TOKEN' : 'HUGGING_FACE_HUB_TOKEN';
  const fromVariable = clean(env[variable], variable);
  if (fromVariable) return { value: fromVariable, source: variable };
  const fromFile = clean(readTokenFile(tokenFile), tokenFile);
  return fromFile ? { value: fromFile, source: tokenFile } : undefined;
}

function readTokenFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ConfigurationError(`the token file ${file} can't be read: ${code}`, {
      hint: 'Make it readable, set HF_TOKEN instead, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to go without a token.',
    });
  }
}

function clean(token: string | undefined, source: string): string | undefined {
  const cleaned = token?.replace(/[\r\n]/g, '').trim();
  // A header would refuse such a value with an error that quotes it.
  if (cleaned && !/^[\x21-\x7e]+$/.test(cleaned)) {
    throw new ConfigurationError(`${source} has characters that no token has`, {
      hint: 'Copy the token again: letters, digits and underscores.',
    });
  }
  return cleaned || undefined;
}
