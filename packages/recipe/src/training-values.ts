import { didYouMean } from './diagnostics.ts';
import type { Finding } from './yaml-file.ts';

interface ValueRule {
  /** Smallest value that makes sense. */
  least?: number;
  /** The value must be above. */
  above?: number;
  /** Largest value that makes sense. */
  most?: number;
  /** The value must be below. */
  below?: number;
  /** What runs usually have; a value outside is likely a slip. */
  usual?: readonly [number, number];
  /** Whether 0 is outside of what is usual, but meant: it switches something off. */
  offAtZero?: boolean;
  /** A value from 1 must be whole: below it is a share of all steps. */
  shareBelowOne?: boolean;
}

const COUNT: ValueRule = { least: 1 };
const SHARE: ValueRule = { least: 0, below: 1 };
const STEPS: ValueRule = { above: 0, shareBelowOne: true };
// The seeds of numpy and of the dataset's split.
const SEED: ValueRule = { least: 0, most: 2 ** 32 - 1 };

/**
 * Ranges of the numbers in training files.
 *
 * Hard limits are those at which TRL, PEFT, transformers or PyTorch raise an error or compute something else than the
 * key says. What is usual is our own judgement, wide enough for every recipe here and of alignment-handbook.
 */
const VALUE_RULES: Readonly<Record<string, ValueRule>> = {
  adam_beta1: { ...SHARE, usual: [0.8, 0.99] },
  adam_beta2: { ...SHARE, usual: [0.9, 0.9999] },
  adam_epsilon: { above: 0, usual: [1e-15, 1e-3] },
  dataloader_num_workers: { least: 0 },
  dataloader_prefetch_factor: COUNT,
  dataset_num_proc: COUNT,
  ddp_timeout: COUNT,
  eval_accumulation_steps: COUNT,
  eval_delay: { least: 0 },
  eval_steps: STEPS,
  global_batch_size: { ...COUNT, usual: [1, 8192] },
  gradient_accumulation_steps: COUNT,
  label_smoothing_factor: SHARE,
  learning_rate: { least: 0, usual: [1e-7, 1e-2] },
  logging_steps: STEPS,
  lora_alpha: { ...COUNT, usual: [1, 4096] },
  lora_dropout: { ...SHARE, usual: [0, 0.5] },
  lora_r: { ...COUNT, usual: [1, 1024] },
  max_grad_norm: { least: 0, usual: [1e-2, 1e3], offAtZero: true },
  max_length: { ...COUNT, usual: [128, 1_048_576] },
  neftune_noise_alpha: { least: 0 },
  num_train_epochs: { above: 0, usual: [1e-3, 50] },
  per_device_eval_batch_size: { ...COUNT, usual: [1, 1024] },
  per_device_train_batch_size: { ...COUNT, usual: [1, 1024] },
  router_aux_loss_coef: { least: 0, usual: [1e-5, 1], offAtZero: true },
  save_steps: STEPS,
  save_total_limit: COUNT,
  data_seed: SEED,
  seed: SEED,
  warmup_steps: { least: 0, shareBelowOne: true },
  weight_decay: { least: 0, usual: [1e-6, 0.5], offAtZero: true },
};

/** Values that the types of TRL's configurations leave open and its code does not. */
export const CHOICES: Readonly<Record<string, readonly string[]>> = {
  lora_task_type: ['CAUSAL_LM'],
  loss_type: ['nll', 'dft', 'chunked_nll'],
};

/** Optimizers whose packages are not in the project's locked environment. */
const OPTIMIZER_PACKAGES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/bnb|paged|lion|(adamw|ademamix)_8bit$|^ademamix/, 'bitsandbytes'],
  [/^adamw_torch_(4|8)bit/, 'torchao'],
  [/^galore/, 'galore-torch'],
  [/^apollo/, 'apollo-torch'],
  [/lomo$/, 'lomo-optim'],
  [/^grokadamw/, 'grokadamw'],
  [/^schedule_free/, 'schedulefree'],
  [/^stable_adamw/, 'torch-optimi'],
  [/anyprecision/, 'torchdistx'],
];

/** What is wrong with a value of the right type, or unusual. */
export function checkTrainingValue(key: string, value: unknown): Finding | undefined {
  if (typeof value === 'number') return checkNumber(key, value);
  if (key === 'optim' && typeof value === 'string') return checkOptimizer(value);
  if (key === 'lora_target_modules') return checkTargetNames(key, value);
  return undefined;
}

/** The limits of a key, as JSON Schema writes them; empty where there are none. */
export function jsonSchemaLimits(key: string): Record<string, unknown> {
  const { least, above, most, below, shareBelowOne } = VALUE_RULES[key] ?? {};
  const limits = {
    minimum: key === 'max_steps' ? -1 : least,
    exclusiveMinimum: above,
    maximum: most,
    exclusiveMaximum: below,
    anyOf: shareBelowOne ? [{ maximum: 1 }, { type: 'integer' }] : undefined,
  };
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
}

function checkNumber(key: string, value: number): Finding | undefined {
  if (key === 'max_steps' && (value === 0 || value < -1)) {
    const hint = 'Write a number of optimizer steps, or -1 for num_train_epochs.';
    return { code: 'bad-value', message: `max_steps: ${value} steps`, hint };
  }
  const rule = VALUE_RULES[key];
  if (!rule) return undefined;
  const limit = brokenLimit(rule, value);
  if (limit) return { code: 'bad-value', message: `${key}: expected a number ${limit}, found ${value}` };
  if (rule.shareBelowOne && value > 1 && !Number.isInteger(value)) {
    const hint = 'A number below 1 is a share of all steps, from 1 on it is a number of steps.';
    return { code: 'bad-value', message: `${key}: ${value} is neither`, hint };
  }
  const [low, high] = rule.usual ?? [-Infinity, Infinity];
  if ((value >= low && value <= high) || (value === 0 && rule.offAtZero)) return undefined;
  const message = `${key}: ${value} is unusual: it is mostly from ${low} to ${high}`;
  return { code: 'unusual-value', message, hint: slip(value, low, high) };
}

function brokenLimit({ least, above, most, below }: ValueRule, value: number): string | undefined {
  if (least !== undefined && value < least) return `of at least ${least}`;
  if (above !== undefined && value <= above) return `above ${above}`;
  if (most !== undefined && value > most) return `of at most ${most}`;
  if (below !== undefined && value >= below) return `below ${below}`;
  return undefined;
}

/** The value with the other sign of its exponent, where that would be usual: 1e5 for 1e-5. */
function slip(value: number, low: number, high: number): string | undefined {
  const [mantissa, exponent = '0'] = value.toExponential().split('e');
  const other = Number(`${mantissa}e${-Number(exponent)}`);
  return other !== value && other >= low && other <= high
    ? `Did you mean ${mantissa}e${-Number(exponent)}?`
    : undefined;
}

function checkOptimizer(value: string): Finding | undefined {
  const [, name] = OPTIMIZER_PACKAGES.find(([pattern]) => pattern.test(value)) ?? [];
  if (!name) return undefined;
  const message = `optim: ${value} needs the package ${name}, which the environment of this project does not have`;
  const hint = 'Take adamw_torch or adamw_torch_fused, or name a Python of your own that has it.';
  return { code: 'missing-package', message, hint };
}

function checkTargetNames(key: string, value: unknown): Finding | undefined {
  if (typeof value === 'string' && value.trim() === '')
    return { code: 'bad-value', message: `${key}: the text is empty`, hint: 'Name the layers.' };
  if (typeof value === 'string') {
    const names = value.split(/[\s,]+/).filter(Boolean);
    if (names.length === 1 || !names.every((name) => /^[\w.]+$/.test(name))) return undefined;
    const message = `${key}: several names in one text, which PEFT takes for a pattern that no layer fits`;
    return { code: 'bad-value', message, hint: `Write a list: [${names.join(', ')}].` };
  }
  if (!Array.isArray(value)) return undefined;
  if (value.length === 0)
    return { code: 'bad-value', message: `${key}: the list is empty`, hint: 'Name the layers.' };
  if (value.length > 1 && value.includes('all-linear')) {
    const message = `${key}: all-linear stands for all layers alone, and among other names for none`;
    const hint = `Write ${key}: all-linear, or name every layer.`;
    return { code: 'bad-value', message, hint };
  }
  const wrong = value.find((name) => typeof name !== 'string');
  if (wrong !== undefined)
    return {
      code: 'wrong-type',
      message: `${key}: expected names of layers, found ${JSON.stringify(wrong)}`,
    };
  const twice = value.find((name, index) => value.indexOf(name) !== index);
  return twice === undefined
    ? undefined
    : { severity: 'warning', code: 'bad-value', message: `${key}: ${twice} stands twice` };
}

/** `X is none of …`, for a value that must be one of a few. */
export function notAmong(value: unknown, choices: readonly unknown[]): Finding {
  const names = choices.filter((choice) => typeof choice === 'string');
  return {
    code: 'bad-value',
    message: `${String(value)} is none of ${choices.join(', ')}`,
    hint: typeof value === 'string' ? didYouMean(value, names) : undefined,
  };
}
