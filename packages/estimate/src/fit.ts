import { formatBytes } from '@prometheus-actions/stage';
import type { Gpus } from './gpus.ts';
import { estimateMemory } from './memory.ts';
import { possibleChanges, type SetupChange } from './setup-changes.ts';
import type { TrainingSetup } from './training-setup.ts';

/** Whether a training fits on a GPU, and what to change where it does not. */
export interface Fit {
  fits: boolean;
  /** What a device must have, and has. */
  neededBytes: number;
  availableBytes: number;
  /**
   * Those that fit, or where none does, those that get nearest. Changes that leave the trained weights what they are come
   * first, then what leaves most room.
   */
  suggestions: Suggestion[];
}

export interface Suggestion {
  /** The change, in the keys of a recipe. */
  change: string;
  /** What a device would need with it. */
  neededBytes: number;
  fits: boolean;
}

interface Weighed extends SetupChange {
  bytes: number;
  fits: boolean;
}

const MOST_SUGGESTIONS = 4;
/** Where no single change is enough, so many are combined, and so many of the nearest are tried with others. */
const MOST_TOGETHER = 3;
const TRIED_FURTHER = 6;

/** Compares what a training needs with a GPU's memory; suggestions are estimated as the training itself is. */
export function checkFit(setup: TrainingSetup, gpu: Gpus): Fit {
  const availableBytes = gpu.memoryBytes;
  const needed = (candidate: TrainingSetup) => estimateMemory(candidate, availableBytes).total;
  const neededBytes = needed(setup);
  const fits = neededBytes <= availableBytes;
  if (fits) return { fits, neededBytes, availableBytes, suggestions: [] };

  const weigh = (change: SetupChange): Weighed => {
    const bytes = needed(change.setup);
    return { ...change, bytes, fits: bytes <= availableBytes };
  };
  let found = possibleChanges(setup, gpu).map(weigh);
  for (let together = 2; together <= MOST_TOGETHER && !found.some((change) => change.fits); together += 1) {
    const nearest = found.toSorted((a, b) => a.bytes - b.bytes).slice(0, TRIED_FURTHER);
    const further = nearest.flatMap((first) =>
      possibleChanges(first.setup, gpu).map((second) => weigh(both(first, second))),
    );
    found = [...nearest, ...further];
  }
  found = found.filter((change) => change.fits || change.bytes < neededBytes);
  if (found.some((change) => change.fits)) found = found.filter((change) => change.fits);
  const suggestions = mildestOfEachKind(found)
    .sort((a, b) => Number(a.otherResult) - Number(b.otherResult) || a.bytes - b.bytes)
    .slice(0, MOST_SUGGESTIONS)
    .map(({ text, bytes, fits }) => ({ change: text, neededBytes: bytes, fits }));
  return { fits, neededBytes, availableBytes, suggestions };
}

/** A line for the fit, and one for each suggestion. */
export function fitLines({ fits, neededBytes, availableBytes, suggestions }: Fit, gpu: Gpus): string[] {
  const verdict = `${formatBytes(neededBytes)} a GPU, and ${gpu.name} has ${formatBytes(availableBytes)}`;
  if (fits) return [`fits: ${verdict}`];
  return [
    `does not fit: ${verdict}`,
    ...suggestions.map(
      ({ change, neededBytes: bytes, fits }) =>
        `${change}: ${formatBytes(bytes)}${fits ? '' : ', which does not fit either'}`,
    ),
  ];
}

/** The same two in another order are of one kind. */
function both(first: SetupChange, second: SetupChange): SetupChange {
  return {
    text: `${first.text}, and ${second.text}`,
    kind: [...first.kind.split(' + '), second.kind].sort().join(' + '),
    otherResult: first.otherResult || second.otherResult,
    setup: second.setup,
  };
}

/** Of those that fit the one that needs most, which changes least; where none of a kind fits, the one that needs least. */
function mildestOfEachKind(found: readonly Weighed[]): Weighed[] {
  const sorted = found.toSorted((a, b) => a.bytes - b.bytes);
  const kinds = new Map(sorted.toReversed().map((change) => [change.kind, change]));
  for (const change of sorted) if (change.fits) kinds.set(change.kind, change);
  return [...kinds.values()];
}
