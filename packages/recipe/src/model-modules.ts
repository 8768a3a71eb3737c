import { fullNames, linearModules } from './linear-modules.ts';
import type { ModelArchitecture } from './model-architecture.ts';
import { withinTime } from './within-time.ts';

/** A module of a model, by its name in the original checkpoint. */
export interface ModelModule {
  name: string;
  /** The last part of its name. */
  called: string;
  /** What LoRA goes on: linear layers and embeddings. */
  kind: 'linear' | 'embeddings' | 'router' | 'list' | 'other';
  /** Whether it has weights, itself or in its parts. */
  weights: boolean;
}

/** All modules of a decoder model, as transformers builds it and this project's trainer names it. */
export function modelModules(architecture: ModelArchitecture): ModelModule[] {
  const { experts, vectors } = architecture;
  const block = experts ? 'block_sparse_moe' : 'mlp';
  const norms = ['input_layernorm', 'post_attention_layernorm'];
  if (vectors.norms === 4) norms.push('pre_feedforward_layernorm', 'post_feedforward_layernorm');
  const inLayer = ['', 'self_attn', block, ...norms];
  if (vectors.headNorms) inLayer.push('self_attn.q_norm', 'self_attn.k_norm');
  if (experts) inLayer.push(`${block}.experts.E`);
  const other = (name: string, weights = true) => ({ parent: '', name, kind: 'other' as const, weights });
  const patterns = [
    ...['', 'model', 'model.norm'].map((name) => other(name)),
    ...['model.layers', ...(experts ? [`model.layers.N.${block}.experts`] : [])].map((name) => {
      return { parent: '', name, kind: 'list' as const, weights: true };
    }),
    ...inLayer.map((name) => other(`model.layers.N${name && `.${name}`}`)),
    other('model.rotary_emb', false),
    other(`model.layers.N.${experts ? `${block}.experts.E` : block}.act_fn`, false),
    { parent: 'model', name: 'embed_tokens', kind: 'embeddings' as const, weights: true },
    ...linearModules(architecture).map(({ parent, name, router }) => ({
      parent,
      name,
      kind: router ? ('router' as const) : ('linear' as const),
      weights: true,
    })),
  ];
  return patterns.flatMap(({ kind, weights, ...pattern }) =>
    fullNames(pattern, architecture).map((name) => {
      return { name, called: name.split('.').at(-1) ?? '', kind, weights };
    }),
  );
}

/**
 * Those of the names that match a pattern as a whole, as Python's `re.fullmatch`; undefined for a pattern that JavaScript
 * does not know, and for one that takes too long.
 */
export function fullyMatching(pattern: string, names: readonly string[]): string[] | undefined {
  try {
    const expression = new RegExp(`^(?:${pattern})$`);
    return withinTime(() => names.filter((name) => expression.test(name)));
  } catch {
    return undefined;
  }
}
