import type { OutputFacts, UnfinishedFacts } from './artifacts-facts.ts';
import type { Part } from './folder-size.ts';

/** Something that a person may want to be rid of, and what is to be done with it. */
export interface Leftover extends Part {
  /** The output it belongs to; undefined for a download. */
  output?: string;
  fate: 'remove' | 'keep';
  /** Why, for people. */
  reason: string;
}

export interface CleaningRules {
  /** The outputs of the recipe's plan, such as `experts/absolute`; undefined where no recipe was named. */
  planned?: ReadonlySet<string> | undefined;
  /** Outputs that are to go, finished or not. */
  named: ReadonlySet<string>;
  /** What was written to more recently than that many milliseconds ago stays. */
  olderThan: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * Decides what nobody needs, from what is on the disk.
 *
 * A finished output stays unless it is named, or the plan does not name it; a run that can go on stays unless it is named
 * or superseded. Whatever a process holds the lock of stays, and while any does, so do all finished outputs: it may
 * read them.
 */
export function chooseLeftovers(facts: readonly OutputFacts[], rules: CleaningRules): Leftover[] {
  const busy = facts.find(({ holder }) => holder !== undefined);
  const isOtherRecipes = rules.planned !== undefined && !facts.some((fact) => isOfPlan(fact, rules.planned));
  return facts.flatMap((fact) => {
    const goes = whyOutputGoes(fact, rules, isOtherRecipes);
    const chosen = goes.fate === 'remove' ? wholeOutput(fact, goes.reason) : partsOfOutput(fact, goes.reason);
    return besideTheirOutput(
      chosen.map((leftover) => hold(leftover, fact, busy, rules)),
      fact,
    );
  });
}

/** Logs and curves stay as long as the output that they tell of. */
function besideTheirOutput(chosen: readonly Leftover[], { finished, beside }: OutputFacts): Leftover[] {
  const output = chosen.find(({ path, fate }) => path === finished?.path && fate === 'keep');
  if (!output) return [...chosen];
  const paths = new Set(beside.map(({ path }) => path));
  return chosen.map((one) => (paths.has(one.path) ? { ...one, fate: 'keep', reason: output.reason } : one));
}

/** By a dataset or an expert: every recipe has a judge. */
function isOfPlan({ name, finished, unfinished }: OutputFacts, planned: CleaningRules['planned']): boolean {
  return (
    name.includes('/') && planned?.has(name) === true && (finished !== undefined || unfinished.length > 0)
  );
}

type Decision = Pick<Leftover, 'fate' | 'reason'>;

function whyOutputGoes(fact: OutputFacts, rules: CleaningRules, isOtherRecipes: boolean): Decision {
  const { planned, named } = rules;
  const { name, foreign, unfinished } = fact;
  if (foreign) return { fate: 'keep', reason: 'no manifest says that a stage made it' };
  if (named.has(name)) return { fate: 'remove', reason: 'named with --output' };
  if (planned === undefined || planned.has(name)) return { fate: 'keep', reason: '' };
  if (unfinished.some(({ isOfJob }) => isOfJob)) {
    return { fate: 'keep', reason: 'not in the plan, but a job for a launcher of your own works in it' };
  }
  if (isOtherRecipes) {
    return {
      fate: 'keep',
      reason: 'not in the plan, but nothing here is: is this the folder of another recipe?',
    };
  }
  return { fate: 'remove', reason: 'the plan does not name it' };
}

/** Everything of an output that is to go. */
function wholeOutput(fact: OutputFacts, reason: string): Leftover[] {
  const { name: output, finished, aside, unfinished, halfRemoved, beside } = fact;
  const parts = [finished, aside, ...unfinished, ...halfRemoved, ...beside].filter(
    (part) => part !== undefined,
  );
  if (finished?.extra !== undefined) {
    const why = `it holds ${finished.extra}, which no stage made: move that away first`;
    return parts.map((part) => leftover(part, output, 'keep', why));
  }
  return parts.map((part) => leftover(part, output, 'remove', reason));
}

/** What can go of an output that stays. */
function partsOfOutput(fact: OutputFacts, whyKept: string): Leftover[] {
  const { name: output, finished, foreign, aside, unfinished, halfRemoved, beside } = fact;
  const isGone = !finished && !foreign && !aside && unfinished.length === 0;
  return [
    ...(finished && whyKept !== '' ? [leftover(finished, output, 'keep', whyKept)] : []),
    ...halfRemoved.map((part) => leftover(part, output, 'remove', 'its removal was interrupted')),
    ...(aside ? [asideLeftover(aside, fact)] : []),
    ...unfinished.flatMap((run) => unfinishedLeftovers(run, fact)),
    ...(isGone
      ? beside.map((part) => leftover(part, output, 'remove', 'beside an output that is gone'))
      : []),
  ];
}

function asideLeftover(aside: Part, { name, finished }: OutputFacts): Leftover {
  return finished
    ? leftover(aside, name, 'remove', 'the earlier output; the new one is there')
    : leftover(aside, name, 'keep', 'the earlier output; the new one was not yet given its name');
}

function unfinishedLeftovers(run: UnfinishedFacts, fact: OutputFacts): Leftover[] {
  const { name: output, finished, unfinished } = fact;
  const one = (fate: Leftover['fate'], reason: string) => [leftover(run, output, fate, reason)];
  if (run.isOfJob) return one('keep', 'a job for a launcher of your own works in it');
  if (finished && finished.made > run.modified)
    return one('remove', 'left over; the output was finished later');
  if (run.isWhole) return one('keep', 'finished; the same command publishes it');
  if (!goesOn(run, output)) {
    return run.setAside.every(({ isDamaged }) => isDamaged)
      ? one('remove', 'an interrupted run that has nothing to go on from')
      : one('keep', 'an interrupted run whose weights are in a checkpoint that was not saved to the end');
  }
  const newer = unfinished.find((other) => other.modified > run.modified && goesOn(other, output));
  if (newer) return one('remove', `an unfinished run${atStep(run)}; a newer one goes on`);
  return [
    ...one('keep', `an unfinished run${atStep(run)}; the same command goes on with it`),
    ...oldCheckpoints(run).map((part) =>
      leftover(part, output, 'remove', `a checkpoint that a later one has superseded`),
    ),
    ...run.setAside.map((part) =>
      part.isDamaged
        ? leftover(part, output, 'remove', 'a damaged checkpoint that was set aside')
        : leftover(part, output, ...incompleteFate(part.step, newestComplete(run)?.step)),
    ),
  ];
}

/** It has weights that may be in no other checkpoint. */
function incompleteFate(step: number, newest: number | undefined): [Leftover['fate'], string] {
  return newest !== undefined && newest >= step
    ? ['remove', 'a checkpoint that was not saved to the end; a later one is there']
    : ['keep', `a checkpoint that was not saved to the end, with the weights of step ${step}`];
}

/** Training goes on from a checkpoint, merging from finished shards; preparing data and a random model start clean. */
function goesOn(run: UnfinishedFacts, output: string): boolean {
  if (run.isWhole || run.isOfJob || newestComplete(run)) return true;
  return run.hasOutput && !/^(base$|data\/|experts\/)/.test(output);
}

function newestComplete({ checkpoints }: UnfinishedFacts) {
  return checkpoints.findLast(({ isComplete }) => isComplete);
}

function atStep(run: UnfinishedFacts): string {
  const newest = newestComplete(run);
  return newest ? ` at step ${newest.step}` : '';
}

/** All before the one that training goes on from, but the best. A torn one after it is being written, or is soon replaced. */
function oldCheckpoints(run: UnfinishedFacts): Part[] {
  const newest = newestComplete(run);
  return newest ? run.checkpoints.filter(({ step, isBest }) => step < newest.step && !isBest) : [];
}

function leftover(
  { path, bytes, modified }: Part,
  output: string,
  fate: Leftover['fate'],
  reason: string,
): Leftover {
  return { path, bytes, modified, output, fate, reason };
}

/** What must not go now, whatever was decided. */
function hold(
  chosen: Leftover,
  fact: OutputFacts,
  busy: OutputFacts | undefined,
  rules: CleaningRules,
): Leftover {
  const kept = (reason: string): Leftover => ({ ...chosen, fate: 'keep', reason });
  if (fact.holder !== undefined) return kept(`in use by ${fact.holder}`);
  if (chosen.fate === 'keep') return chosen;
  if (busy && chosen.path === fact.finished?.path) {
    return kept(`${busy.name} is being made by ${busy.holder}, which may read it`);
  }
  if (rules.now - chosen.modified < rules.olderThan)
    return kept('written to a short time ago (--older-than)');
  return chosen;
}
