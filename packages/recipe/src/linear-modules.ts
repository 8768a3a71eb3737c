import type { ModelArchitecture } from './model-architecture.ts';

/** A kind of linear layer of a model, by the name that LoRA targets go by. */
export interface LinearModule {
  name: string;
  inFeatures: number;
  outFeatures: number;
  bias: boolean;
  /** How many the model has. */
  count: number;
  /** How many of them a token goes through; fewer than `count` for the experts of a mixture. */
  perToken: number;
  /** Of a mixture of experts: transformers holds it as no linear layer, so LoRA does not go on it. */
  router?: true;
  /** What stands before the name in a full name; `N` is a layer's number, `E` an expert's. */
  parent: string;
}

/**
 * The linear layers of a model, by their names in its original checkpoint, the output layer included.
 *
 * A Mixtral's experts are w1 (gate), w2 (down) and w3 (up), one layer each, as this project's trainer holds them, and
 * its router is `gate`; others have gate_proj, up_proj and down_proj.
 */
export function linearModules(architecture: Omit<ModelArchitecture, 'parameters'>): LinearModule[] {
  const { hiddenSize, intermediateSize, layers, attentionHeads, keyValueHeads, headDim, experts, vectors } =
    architecture;
  const { qkv, output, mlp } = vectors.biases;
  const queries = attentionHeads * headDim;
  const keys = keyValueHeads * headDim;
  const inLayer = (part: string, copies = { count: 1, perToken: 1 }) => {
    return (name: string, inFeatures: number, outFeatures: number, bias: boolean): LinearModule => ({
      name,
      inFeatures,
      outFeatures,
      bias,
      count: layers * copies.count,
      perToken: layers * copies.perToken,
      parent: `model.layers.N.${part}`,
    });
  };
  const attention = inLayer('self_attn');
  const dense = inLayer('mlp');
  const expert = inLayer('block_sparse_moe.experts.E', experts);
  return [
    attention('q_proj', hiddenSize, queries, qkv),
    attention('k_proj', hiddenSize, keys, qkv),
    attention('v_proj', hiddenSize, keys, qkv),
    attention('o_proj', queries, hiddenSize, output),
    ...(experts
      ? [
          { ...inLayer('block_sparse_moe')('gate', hiddenSize, experts.count, false), router: true as const },
          expert('w1', hiddenSize, intermediateSize, false),
          expert('w2', intermediateSize, hiddenSize, false),
          expert('w3', hiddenSize, intermediateSize, false),
        ]
      : [
          dense('gate_proj', hiddenSize, intermediateSize, mlp),
          dense('up_proj', hiddenSize, intermediateSize, mlp),
          dense('down_proj', intermediateSize, hiddenSize, mlp),
        ]),
    {
      name: 'lm_head',
      inFeatures: hiddenSize,
      outFeatures: architecture.vocabSize,
      bias: false,
      count: 1,
      perToken: 1,
      parent: '',
    },
  ];
}

/** The full names of the modules of one kind, in a model's original checkpoint. */
export function fullNames(
  { parent, name }: Pick<LinearModule, 'parent' | 'name'>,
  { layers, experts }: Pick<ModelArchitecture, 'layers' | 'experts'>,
): string[] {
  const numbered = (parts: readonly string[], letter: string, count: number) =>
    parts.includes(letter)
      ? Array.from({ length: count }, (_, index) =>
          parts.map((part) => (part === letter ? String(index) : part)),
        )
      : [parts];
  return numbered((parent ? `${parent}.${name}` : name).split('.'), 'N', layers)
    .flatMap((parts) => numbered(parts, 'E', experts?.count ?? 1))
    .map((parts) => parts.join('.'));
}
