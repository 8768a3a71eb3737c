// Reads files of models that are changed at random: mutate-model-files.ts SEED COUNT. Prints what was found, as JSON. Run by a
// test in a process of its own, so that one that hangs can be killed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { architectureOf, linearModules } from '@prometheus-actions/recipe';
import { modelModules } from '../../recipe/src/model-modules.ts';
import { tensorNames } from '../../recipe/src/tensor-names.ts';
import { mutateBytes, mutateJson, oneOf, wholeNumbers } from '../../stage/test/mutated-bytes.ts';
import { tokenLimit } from '../src/token-limit.ts';
import { weightBytes } from '../src/weight-files.ts';

const [seed = 0, count = 0] = process.argv.slice(2).map(Number);
const random = wholeNumbers(seed + 1);
const folder = mkdtempSync(path.join(tmpdir(), 'configs-'));
mkdirSync(path.join(folder, 'model'));
const at = (name: string) => path.join(folder, 'model', name);

const CONFIG = JSON.stringify({
  model_type: 'mixtral',
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
  num_local_experts: 4,
  num_experts_per_tok: 2,
  max_position_embeddings: 1024,
  rope_scaling: { rope_type: 'linear', factor: 2.0 },
  torch_dtype: 'bfloat16',
  tie_word_embeddings: false,
});
const HEADER = JSON.stringify({
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: 'BF16', shape: [2], data_offsets: [24, 28] },
});
const TOKENIZER = JSON.stringify({
  version: '1.0',
  added_tokens: [
    {
      id: 0,
      content: '<unk>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  normalizer: { type: 'Replace', pattern: { Regex: ' +' }, content: ' ' },
  pre_tokenizer: { type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Isolated', invert: false },
  post_processor: null,
  decoder: null,
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: false,
    vocab: { '<unk>': 0, a: 1, b: 2, ab: 3 },
    merges: ['a b'],
  },
});

function safetensors(header: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(28)]);
}

const outcomes: Record<string, number> = { read: 0, refused: 0 };
const failures: string[] = [];
let slowest = 0;
const noted: string[] = [];
const reporter = { notice: (text: string) => noted.push(text) } as never;

const readers = {
  config: () => {
    writeFileSync(at('config.json'), mutateJson(CONFIG, random));
    const reading = architectureOf({ kind: 'path', path: path.join(folder, 'model') });
    if (!reading || 'problem' in reading) return reading?.problem ?? '';
    linearModules(reading.architecture);
    modelModules(reading.architecture);
    tensorNames(reading);
    return undefined;
  },
  header: async () => {
    const bytes =
      random(3) === 0
        ? mutateBytes(safetensors(Buffer.from(HEADER)), random)
        : safetensors(mutateJson(HEADER, random));
    writeFileSync(at('model.safetensors'), bytes);
    const found = await weightBytes({ path: path.join(folder, 'model') }, 'bfloat16');
    if (!(found > 0 && found <= bytes.length * 4)) throw new Error(`${found} bytes, of ${bytes.length}`);
    return found === bytes.length ? 'its size stands for it' : undefined;
  },
  tokenizer: async () => {
    noted.length = 0;
    writeFileSync(at('tokenizer.json'), mutateJson(TOKENIZER, random));
    writeFileSync(
      at('tokenizer_config.json'),
      random(4) === 0 ? mutateJson('{"tokenizer_class": "x"}', random) : '{}',
    );
    const settings = { model: { path: path.join(folder, 'model') }, maxLength: 10 };
    const limit = await tokenLimit(settings, reporter, new AbortController().signal);
    try {
      limit?.counter.count(`ab ${'ab'.repeat(200)}`);
    } catch (error) {
      limit?.onFault?.(error as Error);
    }
    return noted[0];
  },
};

for (let index = 0; index < count; index += 1) {
  const kind = oneOf(['config', 'header', 'header', 'tokenizer'] as const, random);
  process.stderr.write(`${index} ${kind}\n`);
  const began = performance.now();
  try {
    const problem = await readers[kind]();
    outcomes[problem === undefined ? 'read' : 'refused'] =
      (outcomes[problem === undefined ? 'read' : 'refused'] ?? 0) + 1;
    if (problem !== undefined && problem.length > 2000)
      failures.push(`${index} ${kind}: long: ${problem.slice(0, 200)}`);
  } catch (error) {
    failures.push(`${index} ${kind}: ${(error as Error).stack}`);
  }
  const took = performance.now() - began;
  slowest = Math.max(slowest, took);
  if (took > 2000) failures.push(`${index} ${kind}: ${Math.round(took)} ms`);
}
rmSync(folder, { recursive: true });
process.stdout.write(
  JSON.stringify({ ...outcomes, slowest, peak: process.resourceUsage().maxRSS * 1024, failures }),
);
