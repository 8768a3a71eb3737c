import { checkChatTemplate } from './chat-template.ts';
import { checkAdapterKeys } from './check-adapter.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { TrainingSection } from './training-schema.ts';
import type { Finding, YamlFile } from './yaml-file.ts';

/** Checks what the keys of one training file say together. */
export function checkTogether(training: TrainingSection, yaml: YamlFile, diagnostics: Diagnostic[]): void {
  const isThere = (key: string) => Object.hasOwn(yaml.data as object, key);
  const report: Report = (key, finding, atKey = false) => {
    diagnostics.push(yaml.diagnose({ path: [key], key: atKey }, finding));
  };
  checkPrecision(training, report);
  checkLength(training, report, isThere);
  checkSaving(training, report, isThere);
  checkLora(training, report);
  checkOwnKeys(training, report);
  checkChatTemplate(training, report);
}

/** Adds a finding at the value of a key, or at the key itself. */
export type Report = (key: string, finding: Finding, atKey?: boolean) => void;
type IsThere = (key: string) => boolean;

function checkPrecision({ arguments: given }: TrainingSection, report: Report): void {
  if (given.bf16 === true && given.fp16 === true) {
    const hint = 'Keep bf16: GPUs since 2020 have it, and it does not overflow.';
    report('fp16', { code: 'conflicting-keys', message: 'both bf16 and fp16 are true', hint });
  }
  if (given.fp16 === true && given.dtype === 'bfloat16') {
    const hint = 'Write bf16: true instead, or dtype: float32.';
    report('fp16', { code: 'conflicting-keys', message: 'fp16 is true and dtype is bfloat16', hint });
  }
}

function checkLength({ arguments: given }: TrainingSection, report: Report, isThere: IsThere): void {
  const steps = Number(given.max_steps ?? -1);
  if (steps < 1) return;
  if (isThere('num_train_epochs')) {
    const message = 'num_train_epochs has no effect beside max_steps';
    report('num_train_epochs', { code: 'without-effect', message, hint: 'Keep one of them.' }, true);
  }
  const warmup = Number(given.warmup_steps ?? 0);
  if (warmup >= 1 && warmup >= steps) {
    const message = `warmup_steps: ${warmup} are all of the ${steps} steps: the learning rate is never reached`;
    const hint = 'A number below 1 is a share of all steps: 0.1.';
    report('warmup_steps', { code: 'unusual-value', message, hint });
  }
}

function checkSaving(training: TrainingSection, report: Report, isThere: IsThere): void {
  const { arguments: given } = training;
  const { save_strategy: saving, eval_strategy: evaluation } = given;
  for (const [key, strategyKey, strategy] of [
    ['save_steps', 'save_strategy', saving],
    ['eval_steps', 'eval_strategy', evaluation],
  ] as const) {
    if (!isThere(key) || strategy === 'steps' || (strategy === undefined && key === 'eval_steps')) continue;
    const said =
      strategy === undefined ? `without ${strategyKey}: steps` : `beside ${strategyKey}: ${strategy}`;
    const message = `${key} has no effect ${said}`;
    report(key, { severity: 'notice', code: 'without-effect', message }, true);
  }
  if (saving === 'no' && training.saveMinutes === undefined) {
    const message = 'no checkpoints: a run that is interrupted starts over';
    const hint = 'Write save_strategy: steps, or save_minutes: 30.';
    report('save_strategy', { code: 'no-checkpoints', message, hint });
  }
  if (given.load_best_model_at_end === true) checkBestModel(given, report);
}

/** As transformers' TrainingArguments refuse it. */
function checkBestModel(given: Readonly<Record<string, unknown>>, report: Report): void {
  const at = 'load_best_model_at_end';
  const evaluation = given.eval_strategy ?? 'epoch';
  const saving = given.save_strategy ?? 'epoch';
  if (saving === 'best') return;
  const hint = 'Write the same strategy and steps for both.';
  if (evaluation !== saving) {
    const message = `${at} needs checkpoints where it evaluates: eval_strategy is ${evaluation}, save_strategy ${saving}`;
    report(at, { code: 'conflicting-keys', message, hint });
  } else if (evaluation === 'steps') {
    const [evaluate, save] = [
      Number(given.eval_steps ?? given.logging_steps ?? 500),
      Number(given.save_steps ?? 500),
    ];
    // Shares of all steps are compared as the steps that they are, which are not known here.
    if (evaluate < 1 || save < 1 || Number.isInteger(save / evaluate)) return;
    const message = `${at}: save_steps ${save} is not a multiple of eval_steps ${evaluate}`;
    report(at, { code: 'conflicting-keys', message, hint });
  }
}

function checkLora({ arguments: given }: TrainingSection, report: Report): void {
  if (given.use_peft !== true) {
    const [key] = Object.keys(given).filter(
      (name) => name.startsWith('lora_') || /^use_(dora|rslora)$/.test(name),
    );
    if (key === undefined) return;
    const message = `${key} has no effect without use_peft: true: the whole model is trained`;
    report(key, { code: 'without-effect', message }, true);
    return;
  }
  checkAdapterKeys(given, ([key], finding) => report(key as string, finding));
  const rank = Number(given.lora_r ?? 16);
  const alpha = Number(given.lora_alpha ?? 32);
  if (alpha / rank > 16 && given.use_rslora !== true) {
    const message = `lora_alpha ${alpha} with lora_r ${rank} multiplies the adapter by ${alpha / rank}`;
    const hint = 'Mostly lora_alpha is one or two times lora_r.';
    report(Object.hasOwn(given, 'lora_alpha') ? 'lora_alpha' : 'lora_r', {
      code: 'unusual-value',
      message,
      hint,
    });
  }
}

function checkOwnKeys({ profile, microBatchTokens }: TrainingSection, report: Report): void {
  if (profile === 'fast' || microBatchTokens === undefined) return;
  const message = `micro_batch_tokens has no effect in the profile ${profile}`;
  report('micro_batch_tokens', { code: 'without-effect', message, hint: 'It is for profile: fast.' }, true);
}
