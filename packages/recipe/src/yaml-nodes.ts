import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import type { Finding } from './yaml-file.ts';

/** Where a value is written: its node, and that of its key where it has one. */
export interface WrittenValue {
  key?: Node;
  value: Node | undefined;
}

/**
 * Where the values on a path are written, from the first key on, as far as there are any: through aliases, and through
 * merge keys (`<<`) to the mapping that a key comes from.
 */
export function writtenAlong(document: Document, path: readonly PropertyKey[]): WrittenValue[] {
  const steps: WrittenValue[] = [];
  let node = document.contents as Node | undefined;
  for (const segment of path) {
    const parent = resolved(node, document);
    let step: WrittenValue | undefined;
    if (isMap(parent)) {
      const pair = pairOf(parent, segment, document);
      step = pair && { key: pair.key as Node, value: (pair.value ?? undefined) as Node | undefined };
    } else if (isSeq(parent)) {
      const item = parent.items[Number(segment)] as Node | undefined;
      step = item && { value: item };
    }
    if (!step) break;
    steps.push(step);
    node = step.value;
  }
  return steps;
}

/** What an alias stands for; another node as it is. */
function resolved(node: Node | undefined, document: Document): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

/** The pair that gives a mapping the value of a key: its own, or that of the first mapping merged into it that has one. */
function pairOf(map: YAMLMap, key: PropertyKey, document: Document): Pair | undefined {
  const own = map.items.find(
    (item) => isScalar(item.key) && !isMergeKey(item.key) && String(item.key.value) === String(key),
  );
  if (own) return own;
  for (const { node } of mergedInto(map, document)) {
    const found = isMap(node) && pairOf(node, key, document);
    if (found) return found;
  }
  return undefined;
}

/** What the merge keys of a mapping name, in the order in which it counts. */
function mergedInto(
  map: YAMLMap,
  document: Document,
): { written: Node | undefined; node: Node | undefined }[] {
  return map.items
    .filter(({ key }) => isMergeKey(key))
    .flatMap(({ value }) => {
      const source = resolved(value as Node | undefined, document);
      const named = isSeq(source) ? (source.items as Node[]) : [value as Node | undefined];
      return named.map((written) => ({ written, node: resolved(written, document) }));
    });
}

/** A plain `<<`; in quotes it is a key like any other. */
export function isMergeKey(key: unknown): boolean {
  if (!isScalar(key)) return false;
  return typeof key.value === 'symbol' || (key.value === '<<' && key.type === Scalar.PLAIN);
}

/** Mappings that a file may take in, all merge keys together: enough for any use, and done at once. */
const MOST_MERGED = 10_000;

/** Anchors that are set a second time: PyYAML refuses them, and other readers take the nearest before an alias. */
export function anchorFaults(document: Document): { offset: number; finding: Finding }[] {
  const faults: { offset: number; finding: Finding }[] = [];
  const seen = new Set<string>();
  visit(document, {
    Node(_, node) {
      const { anchor, range } = node as { anchor?: string; range?: readonly number[] | null };
      if (anchor === undefined) return;
      const message = `the anchor &${anchor} is set here a second time`;
      const finding: Finding = { code: 'yaml-syntax', message, hint: 'Give it a name of its own.' };
      if (seen.has(anchor)) faults.push({ offset: range?.[0] ?? 0, finding });
      seen.add(anchor);
    },
  });
  return faults;
}

/**
 * What is wrong with merge keys: a value that is no mapping, a second one in the same mapping, which readers of YAML take
 * differently, and more of them than can be read.
 */
export function mergeFaults(document: Document): { offset: number; finding: Finding }[] {
  const faults: { offset: number; finding: Finding }[] = [];
  const fault = (node: Node | undefined, finding: Finding, otherwise: Node) =>
    faults.push({ offset: (node ?? otherwise).range?.[0] ?? 0, finding });
  const counts = new Map<Node, number>();
  /** Mappings that are taken in with this one, itself included; `Infinity` for one that takes in itself. */
  const count = (map: YAMLMap): number => {
    const known = counts.get(map);
    if (known !== undefined) return known;
    counts.set(map, Number.POSITIVE_INFINITY);
    const inner = mergedInto(map, document).map(({ node }) => (isMap(node) ? count(node) : 1));
    const all = inner.reduce((sum, one) => sum + one, 1);
    counts.set(map, all);
    return all;
  };
  let all = 0;
  visit(document, {
    Map(_, map) {
      const [first, second] = map.items.filter(({ key }) => isMergeKey(key));
      if (!first) return;
      const key = first.key as Node;
      if (second) fault(second.key as Node, SECOND_MERGE, key);
      for (const { written, node } of mergedInto(map, document)) {
        if (!isMap(node)) fault(written, { ...NO_MAPPING, hint: NO_MAPPING_HINT }, key);
      }
      const merged = count(map);
      all += Math.min(merged, MOST_MERGED);
      if (merged < Number.POSITIVE_INFINITY && all <= MOST_MERGED) return;
      fault(key, merged < Number.POSITIVE_INFINITY ? TOO_MANY : TAKES_IN_ITSELF, key);
      return visit.BREAK;
    },
  });
  return faults;
}

const SECOND_MERGE: Finding = {
  code: 'duplicate-key',
  message: 'the key << stands here a second time',
  hint: 'Write one with a list, of which the first mapping with a key counts: <<: [*a, *b].',
};
const NO_MAPPING: Finding = {
  code: 'yaml-syntax',
  message: '<< takes in keys and values, and this has none',
};
const NO_MAPPING_HINT = 'Write <<: *name for a mapping that is marked &name, or <<: [*a, *b] for several.';
const TAKES_IN_ITSELF: Finding = {
  code: 'yaml-syntax',
  message: 'this << takes in the mapping that it is in',
  hint: 'Take it out.',
};
const TOO_MANY: Finding = {
  code: 'yaml-syntax',
  message: 'merge keys (<<) repeat so much that the file would take too long to read',
  hint: 'Write it without them.',
};

/** Takes out of a document with mistakes what no values can be made of: aliases of nothing, and merge keys. */
export function removeFaults(document: Document): void {
  const mergesAreWrong = mergeFaults(document).length > 0;
  visit(document, {
    Alias(_, alias) {
      return alias.resolve(document) ? undefined : new Scalar(null);
    },
    Pair(_, { key }) {
      return mergesAreWrong && isMergeKey(key) ? visit.REMOVE : undefined;
    },
  });
}

/** Whether a node, or one within it, is marked (`&name`), and an alias of the document repeats it. */
export function isRepeated(document: Document, node: Node | null | undefined): boolean {
  if (!node) return false;
  const anchors = new Set<string>();
  visit(node, {
    Node(_, inner) {
      const { anchor } = inner as { anchor?: string };
      if (anchor !== undefined) anchors.add(anchor);
    },
  });
  let found = false;
  visit(document, {
    Alias(_, { source }: Alias) {
      found ||= anchors.has(source);
    },
  });
  return found;
}
