import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { withUntiedHead } from '../src/check-adapter.ts';
import { checkArchitecture } from '../src/check-architecture.ts';
import { type Diagnostic, readArchitecture, readTrainingFile } from '../src/index.ts';
import { tensorNames } from '../src/tensor-names.ts';

interface Row {
  title: string;
  on: string[];
  arguments: Record<string, unknown>;
  refused?: string;
}

/** What the trainer's tests train and merge, or see refused: test_adapter_table.py. */
const CELLS = JSON.parse(
  readFileSync(path.join(PROJECT_ROOT, 'packages/trainer/tests/adapter_cells.json'), 'utf8'),
) as { accepted: Row[]; refused: Row[] };
const SIZES = {
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 320,
};
const CONFIGS: Record<string, Record<string, unknown>> = {
  llama: { ...SIZES, model_type: 'llama' },
  qwen: { ...SIZES, model_type: 'qwen3', head_dim: 8, tie_word_embeddings: true },
  mixtral: { ...SIZES, model_type: 'mixtral', num_local_experts: 4, num_experts_per_tok: 2 },
};

const folder = mkdtempSync(path.join(tmpdir(), 'adapters-'));

/** The file that has these arguments, one a line, and what validation finds in it. */
function check(values: Record<string, unknown>, config: Record<string, unknown>) {
  const file = path.join(folder, 'expert.yaml');
  const entries = { profile: 'parity', seed: 1, use_peft: true, ...values };
  const written = Object.entries(entries).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  writeFileSync(file, `${written.join('\n')}\n`);
  const diagnostics: Diagnostic[] = [];
  const read = readTrainingFile(file, diagnostics, ({ message }) => {
    throw new Error(message);
  });
  if (read) {
    const expert = { name: 'expert', dataset: 'rows', training: read.section, yaml: read.yaml };
    checkArchitecture(expert, readArchitecture(config), undefined, diagnostics);
  }
  return { written, errors: diagnostics.filter(({ severity }) => severity !== 'notice') };
}

const each = (rows: Row[]) => rows.flatMap((row) => row.on.map((model) => [row.title, model, row] as const));

describe('LoRA settings', () => {
  it.each(each(CELLS.accepted))('%s of a %s are accepted', (_, model, row) => {
    expect(check(row.arguments, CONFIGS[model] ?? {}).errors).toEqual([]);
  });

  it.each(each(CELLS.refused))('%s of a %s are refused at their line', (_, model, row) => {
    const { written, errors } = check(row.arguments, CONFIGS[model] ?? {});
    const line = 1 + written.findIndex((text) => text.startsWith(`${row.refused}:`));
    expect(errors).toMatchObject([{ severity: 'error', line }]);
  });
});

// As the trainer's test of the same rows finds them in what lora-merge writes.
it.each(each(CELLS.accepted).filter(([, model]) => model === 'qwen'))(
  '%s of a tied %s: whether the merged model has an output layer of its own',
  (title, model, row) => {
    const reading = withUntiedHead(readArchitecture(CONFIGS[model] ?? {}), [
      { use_peft: true, ...row.arguments },
    ]);
    const unties = /embeddings|output layer/.test(title) || /embed_tokens|lm_head/.test(JSON.stringify(row));
    expect(tensorNames(reading)?.includes('lm_head.weight')).toBe(unties);
  },
);
