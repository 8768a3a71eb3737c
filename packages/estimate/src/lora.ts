import {
  fullNames,
  fullyMatching,
  type LinearModule,
  linearModules,
  type ModelArchitecture,
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
 * The layers of a model that LoRA goes on, embeddings among them.
 *
 * As in PEFT, a name stands for the layers that are called so, "all-linear" for all but the output layer, a text that is
 * no name is a pattern that full names must match as a whole, and what is trained in full has no LoRA.
 */
export function targetModules(
  architecture: ModelArchitecture,
  { targets, modulesToSave }: Lora,
): TargetModule[] {
  const named =
    targets === undefined
      ? PEFT_TARGETS
      : typeof targets === 'string' && /^[\w.]+$/.test(targets)
        ? [targets]
        : targets;
  const linear = linearModules(architecture).filter(({ router }) => !router);
  const saved = (name: string) => modulesToSave.some((entry) => `.${name}.`.includes(`.${entry}.`));
  const matching = (modules: LinearModule[], matches: (names: string[]) => string[]) =>
    modules.flatMap((module) =>
      counted(
        module,
        matches(fullNames(module, architecture)).filter((name) => !saved(name)),
      ),
    );
  if (typeof named !== 'string') {
    const isNamed = (name: string) => named.some((target) => `.${name}`.endsWith(`.${target}`));
    return matching([...linear, embeddings(architecture)], (names) => names.filter(isNamed));
  }
  if (named.toLowerCase() === 'all-linear') {
    return matching(
      linear.filter(({ name }) => name !== 'lm_head'),
      (names) => names,
    );
  }
  return matching([...linear, embeddings(architecture)], (names) => fullyMatching(named, names) ?? []);
}

/** Parameters of the adapters, and how many of them a token is multiplied with. */
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
  // As PEFT compares: an entry is the end of a module's name, and the module may have parts.
  const saved = (name: string) => {
    const parts = name.split('.');
    return lora.modulesToSave.some((entry) =>
      parts.some((_, index) =>
        parts
          .slice(0, index + 1)
          .join('.')
          .endsWith(entry),
      ),
    );
  };
  for (const module of [...linearModules(architecture), embeddings(architecture), ...norms(architecture)]) {
    const names = fullNames(module, architecture).filter(saved);
    for (const { inFeatures, outFeatures, bias, count, perToken } of counted(module, names)) {
      const size = inFeatures * outFeatures + (bias ? outFeatures : 0);
      sum.total += count * size;
      sum.active += perToken * size;
    }
  }
  return sum;
}

/** The input embedding as a layer from tokens; a token looks its row up, and is multiplied with nothing. */
function embeddings({ vocabSize, hiddenSize }: ModelArchitecture): LinearModule {
  const sizes = { inFeatures: vocabSize, outFeatures: hiddenSize };
  return { name: 'embed_tokens', ...sizes, bias: false, count: 1, perToken: 0, parent: 'model' };
}

/** The norms, each as a matrix of one row. */
function norms({ layers, hiddenSize, headDim, vectors }: ModelArchitecture): LinearModule[] {
  const norm = (parent: string, name: string, count: number, outFeatures = hiddenSize): LinearModule => {
    return { name, inFeatures: 1, outFeatures, bias: false, count, perToken: count, parent };
  };
  const names = ['input_layernorm', 'post_attention_layernorm'];
  if (vectors.norms === 4) names.push('pre_feedforward_layernorm', 'post_feedforward_layernorm');
  const heads = vectors.headNorms ? ['q_norm', 'k_norm'] : [];
  return [
    norm('model', 'norm', 1),
    ...names.map((name) => norm('model.layers.N', name, layers)),
    ...heads.map((name) => norm('model.layers.N.self_attn', name, layers, headDim)),
  ];
}

/** The module with the counts of those that have these names; none where there are none. */
function counted(module: LinearModule, names: readonly string[]): TargetModule[] {
  const count = names.length;
  return count === 0 ? [] : [{ ...module, count, perToken: (module.perToken * count) / module.count }];
}
