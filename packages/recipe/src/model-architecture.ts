import { didYouMean } from './diagnostics.ts';
import { type LinearModule, linearModules } from './linear-modules.ts';
import { positionLimit } from './position-limit.ts';

/** The shape of a decoder model, as far as its size, its memory and its arithmetic follow from it. */
export interface ModelArchitecture {
  /** `model_type` of its config.json. */
  modelType: string;
  hiddenSize: number;
  /** Of one expert, where there are experts. */
  intermediateSize: number;
  layers: number;
  attentionHeads: number;
  keyValueHeads: number;
  headDim: number;
  vocabSize: number;
  /** Of a mixture of experts: how many there are in a layer, and how many a token is sent to. */
  experts?: { count: number; perToken: number };
  /** The output layer's weights are the input embedding's. */
  tiedEmbeddings: boolean;
  /** As far as the scaling of the rotary embedding stretches them. */
  maxPositions: number | undefined;
  /** Data type of the weights on the disk, as the config names it. */
  dtype: string;
  /** Vectors beside the linear layers' matrices. */
  vectors: LayerVectors;
  /** All parameters, and those that a token goes through: of a mixture the experts that it is sent to. */
  parameters: { total: number; active: number };
}

/** What a layer has beside its matrices. */
interface LayerVectors {
  /** Norms over the hidden size. */
  norms: number;
  /** Norms of queries and keys, each over the size of a head. */
  headNorms: boolean;
  /** Biases of q_proj, k_proj and v_proj; of o_proj; of the MLP's layers. */
  biases: { qkv: boolean; output: boolean; mlp: boolean };
}

/** The architecture, with a notice where something had to be assumed; or what kept it from being read. */
export type ArchitectureReading = { architecture: ModelArchitecture; notice?: string } | { problem: string };

type Config = Record<string, unknown>;

/** What the config of a model type leaves unsaid, as transformers' modelling code has it. */
interface Family {
  norms?: number;
  headNorms?: boolean;
  qkvBias?: boolean;
  /** Whether `attention_bias` and `mlp_bias` of the config count. */
  readsBiases?: boolean;
  experts?: boolean;
  /** Where the config does not say `tie_word_embeddings`. */
  tied?: boolean;
}

const FAMILIES: Record<string, Family> = {
  mistral: {},
  mixtral: { experts: true },
  llama: { readsBiases: true },
  qwen2: { qkvBias: true },
  qwen3: { headNorms: true, readsBiases: true },
  gemma: { readsBiases: true, tied: true },
  gemma2: { norms: 4, readsBiases: true, tied: true },
  gemma3_text: { norms: 4, headNorms: true, readsBiases: true, tied: true },
};

/**
 * Many times the sizes of the largest models. Without a limit the names of a model's layers, which are listed here, would
 * fill the memory. The trainer has the same ones (`model_config.py`).
 */
const MOST_LAYERS = 2_000;
const MOST_EXPERT_MODULES = 50_000;
const MOST_WIDTH = 2 ** 27;

const EXPERT_KEYS = ['num_local_experts', 'num_experts', 'n_routed_experts'];

/**
 * Reads the architecture from the content of a transformers `config.json`.
 *
 * Known are mistral, mixtral, llama, qwen2, qwen3, gemma, gemma2 and gemma3_text. Another model type with the same keys
 * is taken for a dense model like llama, with a notice.
 */
export function readArchitecture(config: unknown): ArchitectureReading {
  if (config === null || typeof config !== 'object' || Array.isArray(config))
    return { problem: 'the config is not an object' };
  const values = config as Config;
  const modelType = values.model_type;
  if (modelType === undefined) return { problem: 'model_type is missing' };
  if (typeof modelType !== 'string' || !/^[\w.-]{1,64}$/.test(modelType))
    return { problem: `model_type is ${kindOf(modelType)}, not the name of a model type` };
  if ('text_config' in values)
    return { problem: `${modelType} is a model of several parts (text_config): its size is not known here` };
  const family = FAMILIES[modelType];
  const expertKey = EXPERT_KEYS.find((key) => typeof values[key] === 'number');
  if (!family && expertKey)
    return { problem: `${modelType} has experts (${expertKey}), and of these mixtral alone is known` };

  const problems: string[] = [];
  const wholeNumber = (key: string, otherwise?: number, most = MOST_WIDTH): number => {
    const value = values[key] ?? otherwise;
    const isWhole = typeof value === 'number' && Number.isInteger(value) && value > 0;
    if (isWhole && value <= most) return value;
    problems.push(
      value === undefined || value === null
        ? `${key} is missing${hintFor(key, values)}`
        : isWhole
          ? `${key} is ${value}, and no model has more than ${most}`
          : `${key} is ${kindOf(value)}, not a whole number above 0`,
    );
    return 1;
  };
  const hiddenSize = wholeNumber('hidden_size');
  const attentionHeads = wholeNumber('num_attention_heads');
  const sizes = {
    hiddenSize,
    intermediateSize: wholeNumber('intermediate_size'),
    layers: wholeNumber('num_hidden_layers', undefined, MOST_LAYERS),
    attentionHeads,
    keyValueHeads: wholeNumber('num_key_value_heads', attentionHeads),
    // Of sizes that are missing nothing follows.
    headDim: wholeNumber('head_dim', problems.length > 0 ? 1 : hiddenSize / attentionHeads),
    vocabSize: wholeNumber('vocab_size'),
    ...(family?.experts
      ? {
          experts: {
            count: wholeNumber('num_local_experts', undefined, MOST_EXPERT_MODULES),
            perToken: wholeNumber('num_experts_per_tok'),
          },
        }
      : {}),
  };
  const dtype = values.dtype ?? values.torch_dtype ?? 'float32';
  if (typeof dtype !== 'string') problems.push(`dtype is ${kindOf(dtype)}, not a text`);
  const modules = sizes.layers * (sizes.experts?.count ?? 1);
  if (modules > MOST_EXPERT_MODULES)
    problems.push(`num_hidden_layers times num_local_experts is ${modules}, and no model has so many`);
  if (problems.length > 0) return { problem: problems.join('; ') };
  const reads = family ? family.readsBiases === true : true;
  const shape = {
    modelType,
    ...sizes,
    tiedEmbeddings: flag(values.tie_word_embeddings) ?? family?.tied ?? false,
    maxPositions: positionLimit(values),
    dtype: String(dtype),
    vectors: {
      norms: family?.norms ?? 2,
      headNorms: family?.headNorms ?? false,
      biases: {
        qkv: family?.qkvBias ?? (reads && flag(values.attention_bias) === true),
        output: !family?.qkvBias && reads && flag(values.attention_bias) === true,
        mlp: reads && flag(values.mlp_bias) === true,
      },
    },
  };
  return {
    architecture: { ...shape, parameters: countParameters(shape) },
    ...(family
      ? {}
      : { notice: `the model type ${modelType} is not known: taken for a dense model like llama` }),
  };
}

type Shape = Omit<ModelArchitecture, 'parameters'>;

function countParameters(shape: Shape): ModelArchitecture['parameters'] {
  const { hiddenSize, headDim, layers, vocabSize, tiedEmbeddings, vectors } = shape;
  const norms = layers * (vectors.norms * hiddenSize + (vectors.headNorms ? 2 * headDim : 0)) + hiddenSize;
  const rest = norms + vocabSize * hiddenSize;
  const modules = linearModules(shape).filter(({ name }) => !(tiedEmbeddings && name === 'lm_head'));
  const sum = (count: (module: LinearModule) => number) =>
    rest +
    modules.reduce((total, module) => {
      const { inFeatures, outFeatures, bias } = module;
      return total + count(module) * (inFeatures * outFeatures + (bias ? outFeatures : 0));
    }, 0);
  return { total: sum(({ count }) => count), active: sum(({ perToken }) => perToken) };
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** Of a value of the wrong kind its kind is told: the file may be one that nobody meant to show. A number shows nothing. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  return (
    { string: 'a text', boolean: 'true or false', object: 'an object' }[typeof value as string] ?? 'nothing'
  );
}

function hintFor(key: string, values: Config): string {
  const near = didYouMean(key, Object.keys(values));
  return near ? ` (${near})` : '';
}
