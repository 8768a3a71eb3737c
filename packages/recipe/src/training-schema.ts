import { z } from 'zod';
import { type Diagnostic, didYouMean } from './diagnostics.ts';
import type { KeyDescription } from './key-schema.ts';
import trainingKeys from './training-keys.json' with { type: 'json' };
import type { YamlFile } from './yaml-file.ts';

/** Training arguments of one expert: what this project adds, and TRL's own keys. */
export interface TrainingSection {
  profile: 'parity' | 'fast';
  /** Examples in one optimizer step, over all processes. */
  globalBatchSize: number | undefined;
  /** Jinja; `undefined` for the tokenizer's own. */
  chatTemplate: string | undefined;
  /** The loss is on what follows its last occurrence; `undefined`: the template's generation marks, or `[/INST]`. */
  responseMarker: string | undefined;
  /** Most tokens in a micro-batch of the profile fast; `undefined` where memory decides. */
  microBatchTokens: number | undefined;
  /** float32 weights behind bfloat16 parameters. */
  masterWeights: boolean;
  /** A checkpoint at least that often, beside what `save_strategy` says. */
  saveMinutes: number | undefined;
  /** One run stops, with a checkpoint, before it has taken that long. */
  maxMinutes: number | undefined;
  /** Training losses that end a run with an error: not a number, or far above those before. */
  stopOn: readonly ('nan' | 'spike')[];
  /** Keys and values of TRL's SFTConfig and ModelConfig. */
  arguments: Record<string, unknown>;
}

const KEYS = trainingKeys.keys as Record<string, KeyDescription>;

/** Keys of older TRL, transformers and alignment-handbook recipes; `null`: had its day, without effect today. */
export const RENAMED: Record<string, string | null> = {
  evaluation_strategy: 'eval_strategy',
  max_seq_length: 'max_length',
  torch_dtype: 'dtype',
  warmup_ratio: 'warmup_steps',
  num_proc: 'dataset_num_proc',
  preprocessing_num_workers: 'dataset_num_proc',
  tokenizer_name_or_path: null,
  overwrite_output_dir: null,
  save_safetensors: null,
  logging_dir: null,
};

/** What the stage decides itself: the recipe says these elsewhere. */
export const DECIDED_ELSEWHERE: Record<string, string> = {
  gradient_accumulation_steps:
    'It follows from global_batch_size, per_device_train_batch_size and the processes.',
  model_name_or_path: 'The model is base_model of recipe.yaml.',
  model_revision: 'The model is base_model of recipe.yaml.',
  output_dir: 'The folder of artifacts is an option of the command.',
  resume_from_checkpoint: 'An interrupted run resumes by itself.',
};

const minutes = z.number('expected a number of minutes').positive('expected minutes above 0').optional();

/** What this project adds to TRL's keys. */
export const ownKeys = z.object({
  profile: z
    .enum(['parity', 'fast'])
    .default('parity')
    .describe("parity computes as the original's code did; fast the same objective at twice the speed."),
  global_batch_size: z
    .int()
    .positive()
    .optional()
    .describe(
      'Rows in one optimizer step, over all processes. Gradient accumulation follows from it and must be a whole number.',
    ),
  chat_template: z
    .string()
    .min(1)
    .optional()
    .describe("Jinja text by which conversations become text; left out: the tokenizer's own."),
  response_marker: z
    .string()
    .min(1)
    .optional()
    .describe("The loss is on what follows its last occurrence; left out: the template's marks decide."),
  micro_batch_tokens: z
    .int()
    .positive()
    .optional()
    .describe('With profile: fast, most tokens in a micro-batch; left out: chosen by memory.'),
  master_weights: z
    .boolean()
    .default(false)
    .describe('Keeps float32 weights behind bfloat16 parameters, where no DeepSpeed keeps them.'),
  save_minutes: minutes.describe('A checkpoint at least that often, beside what save_strategy says.'),
  max_minutes: minutes.describe('One run stops, with a checkpoint, before it has taken that long.'),
  stop_on: z
    .array(z.enum(['nan', 'spike'], 'expected nan or spike'), 'expected a list: [nan] or [nan, spike]')
    .default([])
    .describe('Training losses that end a run with an error: not a number, or far above those before.'),
});

/** Reads training arguments; what is wrong is added to `diagnostics`. */
export function checkTraining(yaml: YamlFile, diagnostics: Diagnostic[]): TrainingSection | undefined {
  const before = diagnostics.length;
  const data = yaml.data;
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    const message = 'expected training arguments, one `key: value` a line';
    diagnostics.push(yaml.diagnose({ path: [] }, { code: 'wrong-type', message }));
    return undefined;
  }
  const own: Record<string, unknown> = {};
  const trainerArguments: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) {
    if (key in ownKeys.shape) own[key] = value;
    else checkKey(key, value, yaml, diagnostics, trainerArguments);
  }
  const parsed = ownKeys.safeParse(own);
  for (const issue of parsed.error?.issues ?? []) {
    const message = `${issue.path.join('.')}: ${issue.message}`;
    diagnostics.push(yaml.diagnose({ path: issue.path }, { code: 'bad-value', message }));
  }
  if (diagnostics.slice(before).some(({ severity }) => severity === 'error') || !parsed.success)
    return undefined;
  return {
    profile: parsed.data.profile,
    globalBatchSize: parsed.data.global_batch_size,
    chatTemplate: parsed.data.chat_template,
    responseMarker: parsed.data.response_marker,
    microBatchTokens: parsed.data.micro_batch_tokens,
    masterWeights: parsed.data.master_weights,
    saveMinutes: parsed.data.save_minutes,
    maxMinutes: parsed.data.max_minutes,
    stopOn: parsed.data.stop_on,
    arguments: trainerArguments,
  };
}

function checkKey(
  key: string,
  value: unknown,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
  accepted: Record<string, unknown>,
): void {
  const atKey = { path: [key], key: true };
  const elsewhere = DECIDED_ELSEWHERE[key];
  if (elsewhere) {
    diagnostics.push(
      yaml.diagnose(atKey, {
        code: 'decided-elsewhere',
        message: `${key} can't be set here`,
        hint: elsewhere,
      }),
    );
    return;
  }
  const renamed = RENAMED[key];
  if (renamed !== undefined) {
    const message = renamed ? `${key} is called ${renamed} today` : `${key} has no effect any more`;
    diagnostics.push(yaml.diagnose(atKey, { severity: 'notice', code: 'renamed-key', message }));
    if (renamed && !(renamed in accepted)) checkKey(renamed, value, yaml, diagnostics, accepted);
    return;
  }
  const description = KEYS[key];
  if (!description) {
    const hint = didYouMean(key, [
      ...Object.keys(KEYS),
      ...Object.keys(ownKeys.shape),
      ...Object.keys(RENAMED),
    ]);
    const message = `unknown key ${key}: TRL ${trainingKeys.trl} has no such argument`;
    diagnostics.push(yaml.diagnose(atKey, { code: 'unknown-key', message, hint }));
    return;
  }
  const problem = mismatch(value, description);
  if (problem)
    diagnostics.push(
      yaml.diagnose({ path: [key] }, { code: problem.code, message: `${key}: ${problem.message}` }),
    );
  else accepted[key] = value;
}

function mismatch(
  value: unknown,
  { types, choices, allowed }: KeyDescription,
): { code: string; message: string } | undefined {
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const fits =
    types.includes('any') ||
    types.includes(type) ||
    (type === 'number' && types.includes('integer') && Number.isInteger(value));
  if (!fits) {
    const found =
      typeof value === 'string' ? `the text ${JSON.stringify(value)}` : `${type} ${JSON.stringify(value)}`;
    return { code: 'wrong-type', message: `expected ${types.join(' or ')}, found ${found}` };
  }
  if (allowed && !allowed.some((one) => one === value)) {
    return { code: 'bad-value', message: `the profiles allow ${allowed.join(' and ')} only, found ${value}` };
  }
  if (choices && typeof value === 'string' && !choices.includes(value)) {
    const hint = didYouMean(value, choices);
    return { code: 'bad-value', message: `${value} is none of ${choices.join(', ')}. ${hint ?? ''}`.trim() };
  }
  return undefined;
}
