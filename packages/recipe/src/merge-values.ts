/** A value of a merge's parameter, as it is written. */
type Value = number | boolean;
type Written = Value | readonly Value[];

/** Values for the tensors whose name contains `filter` (undefined: all); several are a gradient over the layers. */
export interface Condition {
  filter: string | undefined;
  values: readonly Value[];
}

/** One of mergekit's three ways to write a parameter, as conditions: the first that holds for a tensor counts. */
export function conditionsOf(written: unknown): Condition[] {
  if (!Array.isArray(written)) return [{ filter: undefined, values: [written as Value] }];
  if (!written.some((entry) => typeof entry === 'object'))
    return [{ filter: undefined, values: written as Value[] }];
  return (written as { filter?: string | null; value: Written }[]).map(({ filter, value }) => ({
    filter: filter === null || filter === '*' ? undefined : filter,
    values: [value].flat() as Value[],
  }));
}

/** Which condition gives a tensor its value; -1 where none does. */
export function conditionFor(conditions: readonly Condition[], tensor: string): number {
  return conditions.findIndex(({ filter }) => filter === undefined || tensor.includes(filter));
}

/**
 * The value of a parameter for a tensor, as the engine has it (`merging/parameter_settings.py`).
 *
 * @param scopes what is written of it, that of the model itself first
 * @param place of the tensor in the layers, from 0 to 1
 * @returns undefined where no scope has a value for the tensor
 */
export function valueFor(scopes: readonly unknown[], tensor: string, place: number): Value | undefined {
  for (const written of scopes.filter((scope) => scope !== undefined && scope !== null)) {
    const conditions = conditionsOf(written);
    const found = conditions[conditionFor(conditions, tensor)];
    if (found) return interpolated(found.values, place);
  }
  return undefined;
}

/** Where a gradient is read for a tensor: 0 for the first layer and for all outside the layers, 1 for the last layer. */
export function placeInLayers(tensor: string, layers: number): number {
  const layer = /\.layers\.(\d+)\./.exec(tensor)?.[1];
  if (layer === undefined) return 0;
  return layers > 1 ? Number(layer) / (layers - 1) : 1;
}

function interpolated(values: readonly Value[], place: number): Value | undefined {
  const scaled = place * (values.length - 1);
  const before = Math.trunc(scaled);
  const first = values[before];
  const second = values[Math.min(values.length - 1, before + 1)];
  if (typeof first !== 'number' || typeof second !== 'number') return first;
  return (1 - (scaled - before)) * first + (scaled - before) * second;
}
