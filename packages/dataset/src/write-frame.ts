import { setImmediate } from 'node:timers/promises';
import { ArrowFolder, type ArrowOutput } from './arrow-output.ts';
import { batchEnds } from './batch-plan.ts';
import type { Column } from './column-table.ts';
import { PartCollector, type PartSettings } from './data-report.ts';
import { FrameLane, type FrameSettings, type MadeBatch, type PartTask } from './frame-lane.ts';
import { frameSchema } from './frame-schema.ts';
import { LaneWorker } from './lane-worker.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { ShardPlaces, WritingStopped } from './shard-places.ts';
import type { TokenLimit } from './token-estimate.ts';

/** The rows to write from, and what is made of them. */
export interface FrameSource extends Omit<FrameSettings, 'repeatColumns' | 'sampleRows'> {
  index: RowIndex;
  files: RowFiles;
  /** Report tokens too. */
  tokens: TokenLimit | undefined;
  /** Threads that make batches, this one among them. */
  threads: number;
  signal: AbortSignal | undefined;
  /** Called with the rows written so far, over all parts. */
  onRows: (done: number) => void;
}

export interface WrittenFrame {
  output: ArrowOutput;
  /** Has all rows. */
  collector: PartCollector;
}

/** Column of the published collections that names what was judged: several rows share one instruction. */
const INSTRUCTION_COLUMN = 'orig_instruction';

/** A part with fewer batches is written sooner than a thread has started. */
const LEAST_BATCHES = 16;

/**
 * Writes one part after the other, each in its own order of rows. Threads share out the batches of a part: the bytes are
 * the same however many there are.
 */
export class FrameWriting {
  readonly #source: FrameSource;
  readonly #settings: FrameSettings;
  readonly #lane: FrameLane;
  #workers: LaneWorker[] = [];
  #done = 0;

  constructor(source: FrameSource) {
    const { columns, messages, withRowNumbers, maxShardBytes, index, files, tokens } = source;
    this.#source = source;
    this.#settings = {
      columns,
      messages,
      withRowNumbers,
      maxShardBytes,
      repeatColumns: instructionColumns(source),
      sampleRows: tokens?.sampleRows ?? 0,
    };
    this.#lane = new FrameLane(this.#settings, index, files);
  }

  /** Write the rows of `order` into a folder that does not exist yet. */
  async write(folder: string, order: Uint32Array): Promise<WrittenFrame> {
    const { columns, withRowNumbers, maxShardBytes, index, signal } = this.#source;
    const output = await ArrowFolder.create(folder, frameSchema(columns, withRowNumbers).features);
    const collector = new PartCollector(order.length, this.#partSettings());
    const inOrder = new InOrder((batch) => {
      const rows = batch.facts.bytes.length;
      output.add(batch.written, rows);
      collector.add(batch.facts);
      this.#done += rows;
      this.#source.onRows(this.#done);
    });
    const ends = batchEnds(order, index);
    const workers = this.#workersFor(ends.length);
    const places = new ShardPlaces(maxShardBytes);
    const task: PartTask = {
      folder,
      order: workers.length > 0 ? sharedCopy(order) : order,
      ends,
      places: places.shared,
    };
    await allOf(
      [
        this.#lane.run(task, async (batch) => {
          inOrder.add(batch);
          // What the other threads and the system tell comes between two batches.
          await setImmediate();
          signal?.throwIfAborted();
        }),
        ...workers.map((worker) => worker.run(task, (batch) => inOrder.add(batch))),
      ],
      () => places.stop(),
    );
    return { output: await output.finish(), collector };
  }

  /** End the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #workersFor(batches: number): LaneWorker[] {
    if (batches < LEAST_BATCHES) return [];
    while (this.#workers.length < this.#source.threads - 1)
      this.#workers.push(new LaneWorker(this.#settings, this.#source.index, this.#source.files));
    return this.#workers;
  }

  #partSettings(): PartSettings {
    const { columns, messages, tokens } = this.#source;
    const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
    return {
      prefix: prompt === undefined ? '' : `${prompt}\n\n`,
      userColumn: 'messages' in messages ? 'prompt' : (columns[messages.user] as Column).name,
      repeatColumns: this.#settings.repeatColumns.map((column) => (columns[column] as Column).name),
      tokens,
    };
  }
}

/** Of a text column of that name, beside the user's. */
function instructionColumns({ columns, messages }: FrameSource): number[] {
  const place = columns.findIndex(({ name, type }) => name === INSTRUCTION_COLUMN && type === 'string');
  return place === -1 || ('user' in messages && messages.user === place) ? [] : [place];
}

/** Passes batches on in the order of their numbers. */
class InOrder {
  readonly #early = new Map<number, MadeBatch>();
  readonly #onBatch: (batch: MadeBatch) => void;
  #next = 0;

  constructor(onBatch: (batch: MadeBatch) => void) {
    this.#onBatch = onBatch;
  }

  add(batch: MadeBatch): void {
    this.#early.set(batch.number, batch);
    for (let next = this.#early.get(this.#next); next; next = this.#early.get(++this.#next)) {
      this.#early.delete(this.#next);
      this.#onBatch(next);
    }
  }
}

function sharedCopy(order: Uint32Array): Uint32Array {
  const copy = new Uint32Array(new SharedArrayBuffer(order.byteLength));
  copy.set(order);
  return copy;
}

/** Wait for all, also when one fails: nothing may be written any longer when the failure is told. */
async function allOf(lanes: Promise<void>[], stop: () => void): Promise<void> {
  for (const lane of lanes) lane.catch(stop);
  const failures = (await Promise.allSettled(lanes)).flatMap((lane) =>
    lane.status === 'rejected' ? [lane.reason as unknown] : [],
  );
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof WritingStopped));
}
