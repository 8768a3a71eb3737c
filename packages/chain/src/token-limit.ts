import path from 'node:path';
import type { TokenLimit } from '@prometheus-actions/dataset';
import { fetchFiles, hubSettings, resolveRepo } from '@prometheus-actions/hub';
import { type Reporter, readJsonFile } from '@prometheus-actions/stage';
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

/**
 * The tokenizer of a model as the data report needs it; undefined, with a notice, where it can't be had, since nothing
 * but the report lacks it then.
 */
export async function tokenLimit(
  { model, maxLength }: TokenSettings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<TokenLimit | undefined> {
  try {
    const [tokenizerFile = '', configFile = ''] = await tokenizerFiles(model, signal);
    const { Tokenizer } = await import('@huggingface/tokenizers');
    const tokenizer = new Tokenizer(
      readJsonFile(tokenizerFile) as object,
      readJsonFile(configFile) as object,
    );
    const count = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids.length;
    return { counter: { count }, maxLength, templateTokens: TEMPLATE_TOKENS, sampleRows: SAMPLE_ROWS };
  } catch (error) {
    signal.throwIfAborted();
    const [reason] = (error as Error).message.split('\n');
    reporter.notice(`the data report will be without tokens: ${reason}`);
    return undefined;
  }
}

async function tokenizerFiles(model: ModelReference, signal: AbortSignal): Promise<string[]> {
  const names = ['tokenizer.json', 'tokenizer_config.json'];
  if ('path' in model) return names.map((name) => path.join(model.path, name));
  const settings = hubSettings();
  const repo = await resolveRepo({ type: 'model', ...model }, settings, signal);
  return fetchFiles(repo, names, settings, { signal });
}
