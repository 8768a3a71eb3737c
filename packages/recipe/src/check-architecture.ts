import { type Diagnostic, didYouMean } from './diagnostics.ts';
import type { Launch } from './launch.ts';
import { type LinearModule, linearModules } from './linear-modules.ts';
import type { ArchitectureReading, ModelArchitecture } from './model-architecture.ts';
import type { Expert } from './read-experts.ts';
import type { Finding } from './yaml-file.ts';

/** The class whose experts ZeRO-3 must gather together, by model type. */
const EXPERT_BLOCKS: Readonly<Record<string, string>> = { mixtral: 'MixtralSparseMoeBlock' };

/** Checks an expert against the architecture of the base model: LoRA targets, positions, the launch config's experts. */
export function checkArchitecture(
  { training, yaml }: Expert,
  reading: ArchitectureReading,
  launch: Launch | undefined,
  diagnostics: Diagnostic[],
): void {
  if (!('architecture' in reading)) return;
  const { architecture } = reading;
  const report = (path: PropertyKey[], finding: Finding) =>
    diagnostics.push(yaml.diagnose({ path }, finding));
  const { max_length: maxLength } = training.arguments;
  const limit = architecture.maxPositions;
  if (limit !== undefined && typeof maxLength === 'number' && maxLength > limit) {
    const message = `max_length: ${maxLength}, and the base model has ${limit} positions: a longer row ends the run`;
    report(['max_length'], { code: 'position-limit', message, hint: `Write at most ${limit}.` });
  }
  if (training.arguments.use_peft === true) {
    checkTargets(training.arguments.lora_target_modules, reading, report);
  }
  if (launch) checkLeafModules(architecture, launch, diagnostics);
}

type Report = (path: PropertyKey[], finding: Finding) => void;

/** As PEFT takes names: each stands for every layer that is called so, or whose name ends so behind a dot. */
function checkTargets(
  targets: unknown,
  { architecture, notice }: Extract<ArchitectureReading, { architecture: unknown }>,
  report: Report,
): void {
  const key = 'lora_target_modules';
  if (targets === undefined || targets === null) {
    if (architecture.modelType !== 'mixtral') return;
    const message = `${key} is missing: which layers of a Mixtral are adapted is not chosen by itself`;
    const hint = 'The original adapts q_proj, k_proj, v_proj, o_proj, w1, w2, w3 and lm_head.';
    report(['use_peft'], { code: 'missing-key', message, hint });
    return;
  }
  const list = [targets].flat().map(String);
  const modules = linearModules(architecture);
  const known = modules.map(({ name }) => name);
  for (const [index, target] of list.entries()) {
    // One name that is no word is a pattern, as in PEFT.
    if (target === 'all-linear' || (list.length === 1 && !/^[\w.]+$/.test(target))) continue;
    if (target === 'embed_tokens' || modules.some((module) => isCalled(module, target))) continue;
    report([key, index], {
      // Of a model type that is not known the names are assumed.
      ...(notice === undefined ? {} : { severity: 'warning' }),
      code: 'unknown-module',
      message: `${key}: the base model (${architecture.modelType}) has no layer ${target}`,
      hint: didYouMean(target, known) ?? `It has ${known.join(', ')}.`,
    });
  }
}

/** `layers.3.self_attn.q_proj` is a name of q_proj in `model.layers.N.self_attn`. */
function isCalled({ parent, name }: LinearModule, target: string): boolean {
  const whole = [...parent.split('.'), name].reverse();
  return target
    .split('.')
    .reverse()
    .every((part, index) => {
      const expected = whole[index];
      return expected === 'N' || expected === 'E' ? /^\d+$/.test(part) : part === expected;
    });
}

/** accelerate refuses a class that the model does not have; without the right one ZeRO-3 waits for ever on experts. */
function checkLeafModules(architecture: ModelArchitecture, launch: Launch, diagnostics: Diagnostic[]): void {
  const named = launch.config.deepspeed_config?.deepspeed_moe_layer_cls_names;
  const block = EXPERT_BLOCKS[architecture.modelType];
  if (named === undefined || named === null || named === block) return;
  const message = `deepspeed_moe_layer_cls_names is ${String(named)}, and the base model (${architecture.modelType}) has ${block ?? 'no experts'}`;
  const hint = 'Leave it out: the trainer names the class where there is one.';
  const at = { path: ['deepspeed_config', 'deepspeed_moe_layer_cls_names'] };
  diagnostics.push(launch.yaml.diagnose(at, { code: 'launch-mismatch', message, hint }));
}
