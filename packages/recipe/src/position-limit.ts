/** Kinds of rotary embeddings that do not reach beyond `max_position_embeddings`: of Llama 3 it is the stretched length. */
const NOT_STRETCHED = ['default', 'llama3', 'mrope'];

type Values = Readonly<Record<string, unknown>>;

/**
 * The positions of a model by its `config.json`, as far as the scaling of its rotary embedding stretches them, as the
 * trainer has it (`position_limit.py`).
 *
 * A sliding window limits how far back attention reaches, not how long a row may be.
 *
 * @returns undefined where no limit is stated
 */
export function positionLimit(config: Values): number | undefined {
  const limit = config.max_position_embeddings;
  if (!isNumber(limit)) return undefined;
  // As transformers reads them, where both are there.
  const scaling = [config.rope_scaling, config.rope_parameters].find(
    (values) => isObject(values) && Object.keys(values).length > 0,
  );
  if (!isObject(scaling)) return limit;
  // Some models have one such object for each kind of layer.
  const nested = Object.values(scaling).filter(isObject);
  const reaches = (nested.length > 0 ? nested : [scaling]).flatMap((kind) => {
    const { factor } = kind;
    if (!isNumber(factor) || isNotStretched(kind.rope_type ?? kind.type)) return [];
    const original = [
      config.original_max_position_embeddings,
      kind.original_max_position_embeddings,
      limit,
    ].find(isNumber);
    return [Math.trunc(factor * (original ?? limit))];
  });
  return Math.max(limit, ...reaches);
}

function isNotStretched(type: unknown): boolean {
  return typeof type === 'string' && NOT_STRETCHED.includes(type);
}

/** A number that is larger than any length states no limit. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1e15;
}

function isObject(value: unknown): value is Values {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
