import path from 'node:path';
import type { TokenLimit } from '@prometheus-actions/dataset';
import { fetchFiles, hubSettings, resolveRepo } from '@prometheus-actions/hub';
import { withinTime } from '@prometheus-actions/recipe';
import { MOST_JSON_BYTES, type Reporter, readJsonFile } from '@prometheus-actions/stage';
import type { ModelReference } from './model-reference.ts';

/** Whose tokenizer counts, and the length at which training cuts. */
export interface TokenSettings {
  model: ModelReference;
  maxLength: number;
}

/** What chat templates put round two messages, about: `[INST]`, `[/INST]`, beginnings and end are 11 tokens of Mistral. */
const TEMPLATE_TOKENS = 12;
/** Counting takes some 10 ms a row: these take a second. */
const SAMPLE_ROWS = 100;

/** Milliseconds. A vocabulary of 250,000 tokens is read within one or two seconds. */
const LONGEST_LOADING = 20_000;

/**
 * The tokenizer of a model as the data report needs it; undefined, with a notice, where it can't be had, since nothing
 * but the report lacks it then.
 */
export async function tokenLimit(
  { model, maxLength }: TokenSettings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<TokenLimit | undefined> {
  const withoutTokens = (error: Error) => {
    const [reason] = error.message.split('\n');
    reporter.notice(`the data report will be without tokens: ${reason}`);
  };
  try {
    const [tokenizerFile = '', configFile = ''] = await tokenizerFiles(model, signal);
    const { Tokenizer } = await import('@huggingface/tokenizers');
    const [content, config] = [readJsonFile(tokenizerFile) as object, readJsonFile(configFile) as object];
    const tokenizer = withinTime(() => new Tokenizer(content, config), LONGEST_LOADING);
    // Patterns of a tokenizer may take as long as its author wants.
    const count = (text: string) =>
      withinTime(() => tokenizer.encode(text, { add_special_tokens: false }).ids.length);
    const limits = { maxLength, templateTokens: TEMPLATE_TOKENS, sampleRows: SAMPLE_ROWS };
    return { counter: { count }, ...limits, onFault: once(withoutTokens) };
  } catch (error) {
    signal.throwIfAborted();
    withoutTokens(error as Error);
    return undefined;
  }
}

/** Each part of the rows has a report of its own. */
function once(tell: (error: Error) => void): (error: Error) => void {
  let told = false;
  return (error) => {
    if (!told) tell(error);
    told = true;
  };
}

async function tokenizerFiles(model: ModelReference, signal: AbortSignal): Promise<string[]> {
  const names = ['tokenizer.json', 'tokenizer_config.json'];
  if ('path' in model) return names.map((name) => path.join(model.path, name));
  const settings = hubSettings();
  const repo = await resolveRepo({ type: 'model', ...model }, settings, signal);
  return fetchFiles(repo, names, settings, { signal, mostBytes: MOST_JSON_BYTES });
}
