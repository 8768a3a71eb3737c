import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkMerge } from '../src/check-merge.ts';
import { checkSchema } from '../src/check-schema.ts';
import { type Diagnostic, mergeSchema, readArchitecture } from '../src/index.ts';
import { parseYaml } from '../src/yaml-file.ts';

/** Configurations that validation and the engine must judge alike; the engine's half is `test_merging_verdicts.py`. */
interface Case {
  title: string;
  verdict: 'accepted' | 'warned' | 'refused';
  says?: string;
  hint?: string;
  at?: string;
  model?: 'mistral' | 'mixtral' | 'tied';
  config: string;
}

const CASES = parse(readFileSync(path.join(import.meta.dirname, 'merge-verdicts.yaml'), 'utf8')) as Case[];
const MISTRAL = {
  model_type: 'mistral',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 48,
};
const CONFIGS = {
  mistral: MISTRAL,
  mixtral: { ...MISTRAL, model_type: 'mixtral', num_local_experts: 4, num_experts_per_tok: 2 },
  tied: { ...MISTRAL, tie_word_embeddings: true },
};

function findings({ config, model = 'mistral' }: Case, isKnown = true): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const yaml = parseYaml('merge.yaml', config, diagnostics);
  const section = yaml && checkSchema(mergeSchema, yaml, diagnostics);
  const architecture = isKnown ? readArchitecture(CONFIGS[model]) : undefined;
  if (yaml && section) {
    checkMerge(section, yaml, diagnostics, { names: ['absolute', 'relative', 'base'], architecture });
  }
  return diagnostics;
}

describe('validation', () => {
  it.each(CASES.map((one) => [one.title, one] as const))('%s', (_title, one) => {
    const found = findings(one);
    const severities = found.map(({ severity }) => severity);
    const verdict = severities.includes('error') ? 'refused' : found.length > 0 ? 'warned' : 'accepted';
    expect(verdict, JSON.stringify(found)).toBe(one.verdict);
    if (one.says) expect(found[0]?.message).toContain(one.says);
    if (one.hint) expect(found[0]?.hint).toContain(one.hint);
    if (one.at) {
      const before = one.config.slice(0, one.config.indexOf(one.at)).split('\n');
      expect(one.config).toContain(one.at);
      expect(found[0]).toMatchObject({ line: before.length, column: (before.at(-1)?.length ?? 0) + 1 });
    }
  });

  it.each(CASES.map((one) => [one.title, one] as const))(
    'says no more of models that are not known: %s',
    (_title, one) => {
      const known = findings(one).map(({ message }) => message);
      for (const { message } of findings(one, false)) {
        // Without the layers, it is the other source that a range is compared with.
        if (!message.includes('that of the first source')) expect(known).toContain(message);
      }
    },
  );
});
