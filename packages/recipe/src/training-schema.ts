import { z } from 'zod';
import { checkSchema } from './check-schema.ts';
import type { Diagnostic } from './diagnostics.ts';
import { checkArguments } from './training-arguments.ts';
import { checkTogether } from './training-together.ts';
import type { YamlFile } from './yaml-file.ts';

/** Training arguments of one expert: what this project adds, and TRL's own keys. */
export interface TrainingSection {
  profile: 'parity' | 'fast';
  /** Examples in one optimizer step, over all processes. */
  globalBatchSize: number | undefined;
  /** Micro-batches in one optimizer step, as recipes for TRL state it instead of the global batch size. */
  accumulationSteps: number | undefined;
  /** The model that a file for TRL names: a folder or a repository on the hub; a recipe has base_model. */
  model: { name: string; revision: string | undefined } | undefined;
  /** Jinja; `undefined` for the tokenizer's own. */
  chatTemplate: string | undefined;
  /** The loss is on what follows it before the last answer; `undefined`: the template tells. */
  responseMarker: string | undefined;
  /** Largest share of training rows without a label or with a cut answer; `undefined` for that of the profile. */
  maxIncompleteShare: number | undefined;
  /** Most tokens in a micro-batch of the profile fast; `undefined` where memory decides. */
  microBatchTokens: number | undefined;
  /** float32 weights behind bfloat16 parameters; `undefined`: where nothing else keeps them (master-weights.ts). */
  masterWeights: boolean | undefined;
  /** A checkpoint at least that often, beside what `save_strategy` says. */
  saveMinutes: number | undefined;
  /** One run stops, with a checkpoint, before it has taken that long. */
  maxMinutes: number | undefined;
  /** Training losses that end a run with an error: not a number, or far above those before. */
  stopOn: readonly ('nan' | 'spike')[];
  /** Keys and values of TRL's SFTConfig and ModelConfig. */
  arguments: Record<string, unknown>;
}

const minutes = z.number('expected a number of minutes').positive('expected minutes above 0').optional();

/** The keys of this project's, and those of TRL's that are read here and not passed on as they are. */
export const ownKeysSchema = z.strictObject({
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
    .describe('The loss is on what follows it before the last answer; left out: the template decides.'),
  max_incomplete_share: z
    .number('expected a number from 0 to 1')
    .min(0, 'expected a number from 0 to 1')
    .max(1, 'expected a number from 0 to 1')
    .optional()
    .describe(
      'Largest share of training rows without a label or with a cut answer; with more, the run ends with an error. Left out: 0.01 with profile: fast, any share with profile: parity.',
    ),
  micro_batch_tokens: z
    .int()
    .positive()
    .optional()
    .describe('With profile: fast, most tokens in a micro-batch; left out: chosen by memory.'),
  master_weights: z
    .boolean()
    .optional()
    .describe(
      'float32 master weights behind bfloat16 weights. Default: true for full fine-tuning with AdamW, except under DeepSpeed, which keeps its own. false saves 6 bytes a parameter and loses nearly every update at a learning rate of 1e-5.',
    ),
  save_minutes: minutes.describe('A checkpoint at least that often, beside what save_strategy says.'),
  max_minutes: minutes.describe('One run stops, with a checkpoint, before it has taken that long.'),
  stop_on: z
    .array(z.enum(['nan', 'spike'], 'expected nan or spike'), 'expected a list: [nan] or [nan, spike]')
    .default([])
    .describe('Training losses that end a run with an error: not a number, or far above those before.'),
  gradient_accumulation_steps: z
    .int()
    .positive()
    .optional()
    .describe('Micro-batches in one optimizer step; global_batch_size says it for any number of processes.'),
  model_name_or_path: z
    .string()
    .min(1)
    .nullish()
    .describe('In a file that is used without a recipe: the base model, a folder or a hub repository.'),
  model_revision: z.string().min(1).nullish().describe('Its commit, branch or tag.'),
});

/** Reads training arguments; what is wrong is added to `diagnostics`. */
export function checkTraining(yaml: YamlFile, diagnostics: Diagnostic[]): TrainingSection | undefined {
  diagnostics.push(...yaml.otherReadings());
  const before = diagnostics.length;
  const data = yaml.data;
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    const message = 'expected training arguments, one `key: value` a line';
    diagnostics.push(yaml.diagnose({ path: [] }, { code: 'wrong-type', message }));
    return undefined;
  }
  const isOwn = ([key]: [string, unknown]) => Object.hasOwn(ownKeysSchema.shape, key);
  const entries = Object.entries(data);
  const own = { ...yaml, data: Object.fromEntries(entries.filter(isOwn)) };
  const section = checkSchema(ownKeysSchema, own, diagnostics);
  const name = ownKeysSchema.shape.profile.safeParse(own.data.profile).data ?? 'parity';
  const trainerArguments = checkArguments(
    Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
    { name, stated: own.data.profile !== undefined },
    Object.keys(ownKeysSchema.shape),
    yaml,
    diagnostics,
  );
  if (diagnostics.slice(before).some(({ severity }) => severity === 'error') || !section) return undefined;
  const training: TrainingSection = {
    profile: section.profile,
    globalBatchSize: section.global_batch_size,
    accumulationSteps: section.gradient_accumulation_steps,
    model: section.model_name_or_path
      ? { name: section.model_name_or_path, revision: section.model_revision ?? undefined }
      : undefined,
    chatTemplate: section.chat_template,
    responseMarker: section.response_marker,
    maxIncompleteShare: section.max_incomplete_share,
    microBatchTokens: section.micro_batch_tokens,
    masterWeights: section.master_weights,
    saveMinutes: section.save_minutes,
    maxMinutes: section.max_minutes,
    stopOn: section.stop_on,
    arguments: trainerArguments,
  };
  checkTogether(training, yaml, diagnostics);
  return training;
}
