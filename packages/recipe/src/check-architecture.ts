import { checkAdapterModules } from './check-adapter.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Launch } from './launch.ts';
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
    checkAdapterModules(training.arguments, reading, report);
  }
  if (launch) checkLeafModules(architecture, launch, diagnostics);
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
