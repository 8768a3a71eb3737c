import type { ModelArchitecture } from '@prometheus-actions/recipe';
import { targetModules } from './lora.ts';
import type { TrainingSetup } from './training-setup.ts';

/**
 * Bytes that activations take, for one token each.
 *
 * Counted as Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1) count them, tensor by tensor, for what
 * transformers' RMSNorm, rotary attention and SwiGLU keep for the backward pass; `test/saved-tensors.test.ts` compares
 * with what PyTorch keeps. With h the hidden size, q and k the sizes of queries and keys, f the intermediate size, in 16
 * bits and in full tuning, a layer keeps 16h for two norms and the inputs of the products behind them, 2 (2q + 2k) for
 * queries, keys, values and the attention's output, and 8f for the MLP.
 */
export interface ActivationBytes {
  /** What each layer keeps. */
  kept: number;
  /** What a layer keeps where it is computed again: its input. */
  checkpoint: number;
  /** What the backward pass of a layer has beyond what the layer keeps. */
  work: number;
}

/** @param compiled each layer is compiled, which computes norms and elementwise products again by itself */
export function activationBytes(
  setup: TrainingSetup,
  { compiled, rowTokens }: { compiled: boolean; rowTokens: number },
): ActivationBytes {
  const { architecture, lora } = setup;
  const { hiddenSize: h, intermediateSize, experts } = architecture;
  const element = setup.halfPrecision ? 2 : 4;
  // The stream between the layers has the type of the embedding: of the weights.
  const stream = setup.parameterBytes;
  const f = intermediateSize * (experts?.perToken ?? 1);
  // Experts run one after the other, each on its share of the tokens.
  const running = experts ? experts.perToken / experts.count : 1;
  const { kept: adapters, work: adapterWork } = lora ? adapterBytes(setup) : { kept: 0, work: 0 };
  const kept = compiled
    ? element * (7 * h + 3 * f) + adapters
    : normBytes(setup) + attentionBytes(setup, rowTokens) + mlpBytes(setup) + adapters;
  return {
    kept,
    checkpoint: stream * h,
    // The gradients of the stream, of the layer's output, and of the MLP's two branches while its product's is there.
    work: element * (2 * h + 2 * intermediateSize * running) + adapterWork,
  };
}

/** Each norm keeps its input in float32, a root of each row and, where it is trained, its result before its weights. */
function normBytes({ architecture, lora, parameterBytes }: TrainingSetup): number {
  const { hiddenSize: h, vectors } = architecture;
  const trained = lora ? 0 : parameterBytes * h;
  return vectors.norms * (4 * h + 4 + trained);
}

/** Queries, keys, values, output, the logarithm of the sum of each head, and the input of the first three products. */
function attentionBytes(setup: TrainingSetup, rowTokens: number): number {
  const { architecture, lora, halfPrecision, parameterBytes, padded } = setup;
  const { hiddenSize: h, attentionHeads, keyValueHeads, headDim } = architecture;
  const element = halfPrecision ? 2 : 4;
  const queries = attentionHeads * headDim;
  // With a mask, transformers repeats keys and values for each query head, and PyTorch makes a mask of 16 bits.
  const keys = padded ? queries : keyValueHeads * headDim;
  const mask = padded ? element * rowTokens : 0;
  // From float32 weights, rotated queries and keys come in float32 and are cast again.
  const casts = parameterBytes === 4 && halfPrecision ? 3 * 2 * h : 0;
  const input = lora ? 0 : element * h;
  return element * (2 * queries + 2 * keys) + 4 * attentionHeads + mask + casts + input;
}

/** Gate, its activation and up, and full tuning's inputs of the products; for a mixture those of each expert. */
function mlpBytes({ architecture, lora, halfPrecision }: TrainingSetup): number {
  const { hiddenSize: h, intermediateSize: f, experts } = architecture;
  const element = halfPrecision ? 2 : 4;
  const inputs = lora ? 0 : element * (h + f);
  const one = element * 3 * f + inputs;
  if (!experts) return one;
  // A token's rows are gathered for its experts; the router and the weights of its experts are small.
  const router = (lora ? 0 : element * h) + 8 * experts.count;
  return router + experts.perToken * (one + element * 2 * h + 40);
}

/** Each adapter keeps its input in 16 bits, the mask of its dropout, and what is between its two matrices. */
function adapterBytes(setup: TrainingSetup): { kept: number; work: number } {
  const { architecture, lora } = setup;
  if (!lora) return { kept: 0, work: 0 };
  const element = setup.halfPrecision ? 2 : 4;
  let kept = 0;
  let widest = 0;
  for (const { name, inFeatures, count, perToken } of targetModules(architecture, lora)) {
    if (name === 'lm_head' || name === 'embed_tokens') continue;
    const mask = lora.dropout > 0 ? inFeatures : 0;
    kept += (perToken / architecture.layers) * (element * (inFeatures + lora.rank) + mask);
    widest = Math.max(widest, (inFeatures * perToken) / count);
  }
  // The input in float32, before and after dropout, while the widest adapter runs on its tokens.
  return { kept, work: 8 * widest };
}

/** Bytes of logits, their float32 copy, what the loss keeps and its gradients, for each position that has logits. */
export function logitBytes({ vocabSize }: ModelArchitecture): number {
  return 12 * vocabSize;
}
