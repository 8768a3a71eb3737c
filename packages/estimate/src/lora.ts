import {
  fullNames,
  type LinearModule,
  linearModules,
  type ModelArchitecture,
  patternOf,
} from '@prometheus-actions/recipe';

/** How an expert is trained as a LoRA; the values of TRL's `ModelConfig`. */
export interface Lora {
  rank: number;
  /** Names, or a pattern, or "all-linear"; undefined leaves the choice to PEFT. */
  targets: readonly string[] | string | undefined;
  dropout: number;
  /** Weight-decomposed LoRA: a vector more for each layer (Liu et al. 2024, arXiv 2402.09353). */
  dora: boolean;
  /** Layers of which a copy is trained in full. */
  modulesToSave: readonly string[];
}

/** A kind of layer that LoRA is on; the counts are those of the layers that are targets. */
export type TargetModule = LinearModule;

/** What PEFT takes for decoder models where a recipe names no targets. */
const PEFT_TARGETS = ['q_proj', 'v_proj'];

/**
 * The layers of a model that LoRA goes on.
 *
 * As in PEFT, a name stands for the layers that are called so, "all-linear" for all but the output layer, and a text
 * that is no name is a pattern that full names must match as a whole.
 */
export function targetModules(architecture: ModelArchitecture, { targets }: Lora): TargetModule[] {
  const modules = linearModules(architecture);
  if (targets === 'all-linear') return modules.filter(({ name }) => name !== 'lm_head');
  const named =
    targets === undefined
      ? PEFT_TARGETS
      : typeof targets === 'string' && /^[\w.]+$/.test(targets)
        ? [targets]
        : targets;
  if (typeof named === 'string') {
    const pattern = patternOf(named);
    return modules.flatMap((module) =>
      matching(architecture, module, (name) => pattern?.test(name) === true),
    );
  }
  return modules.flatMap((module) =>
    matching(architecture, module, (name) => named.some((target) => `.${name}`.endsWith(`.${target}`))),
  );
}

/** Parameters of the adapters, and how many of them a token goes through. */
export function adapterParameters(
  architecture: ModelArchitecture,
  lora: Lora,
): { total: number; active: number } {
  const sum = { total: 0, active: 0 };
  for (const { inFeatures, outFeatures, count, perToken } of targetModules(architecture, lora)) {
    const one = lora.rank * (inFeatures + outFeatures) + (lora.dora ? outFeatures : 0);
    sum.total += count * one;
    sum.active += perToken * one;
  }
  const { vocabSize, hiddenSize } = architecture;
  for (const name of new Set(lora.modulesToSave)) {
    const copies =
      name === 'embed_tokens'
        ? [{ count: 1, perToken: 1, size: vocabSize * hiddenSize }]
        : linearModules(architecture)
            .filter((module) => module.name === name)
            .map(({ count, perToken, inFeatures, outFeatures, bias }) => ({
              count,
              perToken,
              size: inFeatures * outFeatures + (bias ? outFeatures : 0),
            }));
    for (const { count, perToken, size } of copies) {
      sum.total += count * size;
      sum.active += perToken * size;
    }
  }
  return sum;
}

/** The module with the counts of those whose full names match; none where none does. */
function matching(
  architecture: ModelArchitecture,
  module: LinearModule,
  matches: (name: string) => boolean,
): TargetModule[] {
  const count = fullNames(module, architecture).filter(matches).length;
  return count === 0 ? [] : [{ ...module, count, perToken: (module.perToken * count) / module.count }];
}
