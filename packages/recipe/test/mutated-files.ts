/** Values that stand where another belongs. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 0.5, 70_000, 1e300, '', 'x', 'no', 'auto', '0', '-x', '../x', '${base}'],
  ...[[], [0], [''], ['x', 'y'], [null], {}, { x: 1 }, { value: 1 }, [{ value: 1 }], [{}]],
];

/** Random numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy of a file's data with one or two mistakes: another value, a key less, a misspelt key, a key more. */
export function mutate(data: unknown, keys: readonly string[], random: () => number): unknown {
  const root = { data: structuredClone(data) };
  for (let left = random() < 0.7 ? 1 : 2; left > 0; left -= 1) mutateOnce(root, keys, random);
  return root.data;
}

function mutateOnce(root: object, keys: readonly string[], random: () => number): void {
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;
  const places = placesIn(root);
  const { parent, key } = pick(places.length > 1 ? places.slice(1) : places);
  const value = structuredClone(pick(VALUES));
  const kind = random();
  if (kind < 0.45 || Array.isArray(parent)) parent[key] = value;
  else if (kind < 0.65) delete parent[key];
  else if (kind < 0.8) {
    parent[`${key.slice(0, -1)}_`] = parent[key];
    delete parent[key];
  } else parent[pick(keys)] = value;
}

interface Place {
  parent: Record<string, unknown>;
  key: string;
}

/** Every key of every mapping and list within. */
function placesIn(value: unknown): Place[] {
  if (value === null || typeof value !== 'object') return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...placesIn(parent[key])]);
}
