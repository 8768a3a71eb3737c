import { didYouMean } from './diagnostics.ts';
import { fullNames, type LinearModule, linearModules } from './linear-modules.ts';
import type { ArchitectureReading, ModelArchitecture } from './model-architecture.ts';
import type { Finding } from './yaml-file.ts';

type Report = (path: PropertyKey[], finding: Finding) => void;

const KEY = 'lora_target_modules';
/** What PEFT takes for every linear layer but the output layer. */
const ALL_LINEAR = 'all-linear';
/** As the trainer holds a Mixtral's experts, against which PEFT matches a pattern. */
const EXPERTS_INSIDE: Readonly<Record<string, string>> = {
  w1: 'gate_proj',
  w2: 'down_proj',
  w3: 'up_proj',
};
const ORIGINAL_TARGETS = 'q_proj, k_proj, v_proj, o_proj, w1, w2, w3';

/**
 * Checks LoRA targets against the layers of the base model, as PEFT takes them: each name stands for every layer that is
 * called so, or whose name ends so behind a dot; one text that is no name is a pattern for full names.
 */
export function checkTargets(
  targets: unknown,
  { architecture, notice }: Extract<ArchitectureReading, { architecture: unknown }>,
  report: Report,
): void {
  const isMixtral = architecture.modelType === 'mixtral';
  if (targets === undefined || targets === null) {
    if (!isMixtral) return;
    const message = `${KEY} is missing: which layers of a Mixtral are adapted is not chosen by itself`;
    const hint = 'The original adapts q_proj, k_proj, v_proj, o_proj, w1, w2, w3 and lm_head.';
    report(['use_peft'], { code: 'missing-key', message, hint });
    return;
  }
  const list = [targets].flat().map(String);
  const modules = linearModules(architecture).filter(({ name }) => !(isMixtral && name === ROUTER));
  const known = modules.map(({ name }) => name);
  // Of a model type that is not known the names are assumed.
  const severity = notice === undefined ? {} : ({ severity: 'warning' } as const);
  for (const [index, target] of list.entries()) {
    const at = Array.isArray(targets) ? [KEY, index] : [KEY];
    const isAlone = list.length === 1;
    if (isMixtral && (target === ROUTER || (isAlone && target === ALL_LINEAR))) {
      report(at, { code: 'bad-value', ...routerFinding(target) });
    } else if (isAlone && target === ALL_LINEAR) continue;
    else if (isAlone && !isName(target)) {
      const finding = patternFinding(target, modules, architecture);
      if (finding) report(at, { ...severity, ...finding });
    } else if (target !== ALL_LINEAR && target !== 'embed_tokens') {
      if (modules.some((module) => isCalled(module, target))) continue;
      report(at, {
        ...severity,
        code: 'unknown-module',
        message: `${KEY}: the base model (${architecture.modelType}) has no layer ${target}`,
        hint: didYouMean(target, known) ?? `It has ${known.join(', ')}.`,
      });
    }
  }
}

/** Of a mixture: it chooses the experts, and is no linear layer that an adapter fits on. */
const ROUTER = 'gate';

function routerFinding(target: string): { message: string; hint: string } {
  const message =
    target === ROUTER
      ? `${KEY}: ${ROUTER} is the router of a Mixtral, and no adapter for it can be merged`
      : `${KEY}: ${ALL_LINEAR} would adapt a Mixtral's router too, and no adapter for it can be merged`;
  return { message, hint: `Name the layers: [${ORIGINAL_TARGETS}].` };
}

function isName(target: string): boolean {
  return /^[\w.]+$/.test(target);
}

/** A pattern that names no layer, or of a Mixtral other ones than it says. */
function patternFinding(
  target: string,
  modules: readonly LinearModule[],
  architecture: ModelArchitecture,
): Finding | undefined {
  const pattern = patternOf(target);
  if (!pattern) return undefined;
  const names = modules.flatMap((module) => fullNames(module, architecture));
  const meant = names.filter((name) => pattern.test(name));
  if (meant.length === 0 && !pattern.test('model.embed_tokens')) {
    const hint = `A full name is such as ${names[0]}.`;
    const message = `${KEY}: as a pattern, ${target} matches no layer of the base model (${architecture.modelType})`;
    return { code: 'unknown-module', message, hint };
  }
  if (architecture.modelType !== 'mixtral') return undefined;
  const inside = names.filter((name) => pattern.test(insideName(name)));
  if (meant.join() === inside.join()) return undefined;
  const message = `${KEY}: a pattern can't name the experts of a Mixtral, which have other names in training`;
  return { code: 'bad-value', message, hint: `Name the layers: [${ORIGINAL_TARGETS}].` };
}

function insideName(name: string): string {
  return name
    .replace('.block_sparse_moe.', '.mlp.')
    .replace(/\.(w[123])$/, (_, expert: string) => `.${EXPERTS_INSIDE[expert]}`);
}

/** Python's `re.fullmatch`; undefined for a pattern that JavaScript does not know. */
export function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch {
    return undefined;
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
