import { describe, expect, it } from 'vitest';
import { trainingSetup } from '../../estimate/src/training-setup.ts';
import { checkArchitecture } from '../src/check-architecture.ts';
import type { Diagnostic } from '../src/diagnostics.ts';
import { type Expert, type Launch, readArchitecture } from '../src/index.ts';
import { parseYaml } from '../src/yaml-file.ts';
import limits from './position-limits.json' with { type: 'json' };

const MODEL = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 48,
};

/** An expert whose training file cuts rows at a length. */
function expert(maxLength: number): Expert {
  const yaml = parseYaml('training.yaml', `max_length: ${maxLength}\n`, []);
  return { yaml, training: { arguments: { max_length: maxLength } } } as unknown as Expert;
}

/** The trainer's half is in `test_position_limit.py`. */
describe('the positions of a model with', () => {
  it.each(limits.map((one) => [one.title, one] as const))('%s', (_title, { config, limit }) => {
    const reading = readArchitecture({ ...MODEL, ...config });
    if (!('architecture' in reading)) throw new Error(reading.problem);
    expect(reading.architecture.maxPositions ?? null).toBe(limit);
    if (limit === null) return;
    const found = (maxLength: number) => {
      const diagnostics: Diagnostic[] = [];
      checkArchitecture(expert(maxLength), reading, undefined, diagnostics);
      return diagnostics.map(({ code, hint }) => [code, hint]);
    };
    expect(found(limit)).toEqual([]);
    expect(found(limit + 1)).toEqual([['position-limit', `Write at most ${limit}.`]]);
    const launch = { launch: { config: {}, processes: 1 } as unknown as Launch };
    const rows = trainingSetup(launch, expert(2 * limit), reading.architecture, undefined).rowTokens;
    expect(rows).toBe(limit);
  });
});
