import { linearModules } from './linear-modules.ts';
import type { ArchitectureReading, ModelArchitecture } from './model-architecture.ts';

/** Norms of a layer over the hidden size, in all families but Gemma 2 and 3, which have two more. */
const NORMS = ['input_layernorm', 'post_attention_layernorm'];
const MORE_NORMS = ['pre_feedforward_layernorm', 'post_feedforward_layernorm'];

/**
 * The names of a model's tensors in its original checkpoint, as a merge has them.
 *
 * @returns undefined where the model type is not known, and its names are no more than likely
 */
export function tensorNames(reading: ArchitectureReading | undefined): string[] | undefined {
  if (!reading || !('architecture' in reading) || reading.notice !== undefined) return undefined;
  const { architecture } = reading;
  const { layers, tiedEmbeddings } = architecture;
  const inLayers = Array.from({ length: layers }, (_, layer) =>
    namesOfLayer(architecture).map((name) => name.replace('layers.N.', `layers.${layer}.`)),
  );
  const head = tiedEmbeddings ? [] : ['lm_head.weight'];
  return ['model.embed_tokens.weight', ...inLayers.flat(), 'model.norm.weight', ...head];
}

function namesOfLayer(architecture: ModelArchitecture): string[] {
  const { vectors, experts } = architecture;
  const norms = vectors.norms > NORMS.length ? [...NORMS, ...MORE_NORMS] : NORMS;
  const ofHeads = vectors.headNorms ? ['self_attn.q_norm', 'self_attn.k_norm'] : [];
  const modules = linearModules(architecture)
    .filter(({ parent }) => parent !== '')
    .flatMap(({ parent, name, bias }) =>
      ['weight', ...(bias ? ['bias'] : [])].map((kind) => `${parent}.${name}.${kind}`),
    );
  return [
    ...[...norms, ...ofHeads].map((norm) => `model.layers.N.${norm}.weight`),
    ...modules.flatMap((name) =>
      name.includes('.E.')
        ? Array.from({ length: experts?.count ?? 0 }, (_, expert) => name.replace('.E.', `.${expert}.`))
        : [name],
    ),
  ];
}
