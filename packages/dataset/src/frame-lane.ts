import { FrameBuilder, type MessageSettings } from './arrow-batch.ts';
import { BATCH_BYTES } from './batch-plan.ts';
import type { Column } from './column-table.ts';
import { frameSchema } from './frame-schema.ts';
import type { Message } from './messages.ts';
import { decodeRow } from './row-cells.ts';
import { FactsGatherer, isEvenlySpread, type RowFacts } from './row-facts.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { type RowGroup, readRows } from './row-reader.ts';
import { ShardPlaces, WritingStopped } from './shard-places.ts';
import { ShardWriter, type WrittenBatch } from './shard-writer.ts';

/** What is made of rows; the same for all parts. */
export interface FrameSettings {
  columns: Column[];
  messages: MessageSettings;
  /** Add `__index_level_0__`, the original row. */
  withRowNumbers: boolean;
  maxShardBytes: number;
  /** Columns, besides the user column, of which repeated texts are counted. */
  repeatColumns: number[];
  /** Rows of a part whose tokens are counted, at most. */
  sampleRows: number;
}

/** One part to write. */
export interface PartTask {
  folder: string;
  order: Uint32Array;
  /** Of its batches. */
  ends: Uint32Array;
  /** Of {@link ShardPlaces}. */
  places: SharedArrayBuffer;
}

/** A batch that was made and written. */
export interface MadeBatch {
  number: number;
  written: WrittenBatch;
  facts: RowFacts;
}

/** Makes and writes batches of each part, with other lanes: what one thread does. */
export class FrameLane {
  readonly #settings: FrameSettings;
  readonly #index: RowIndex;
  readonly #files: RowFiles;
  readonly #schema: Uint8Array[];
  readonly #builder: FrameBuilder;

  constructor(settings: FrameSettings, index: RowIndex, files: RowFiles) {
    const { columns, messages, withRowNumbers } = settings;
    this.#settings = settings;
    this.#index = index;
    this.#files = files;
    this.#schema = frameSchema(columns, withRowNumbers).message;
    this.#builder = new FrameBuilder(columns, messages, withRowNumbers, BATCH_BYTES);
  }

  /**
   * Make batches until none is left. Where a row is wrong, that waits until all batches before it are made, in the other
   * lanes too: so the first that is wrong is told, however many lanes there are.
   *
   * @param onBatch is given each batch; it may throw to end this
   * @throws WritingStopped when another lane ended it
   */
  async run(task: PartTask, onBatch: (batch: MadeBatch) => Promise<void> | void): Promise<void> {
    const places = new ShardPlaces(this.#settings.maxShardBytes, task.places);
    const writer = new ShardWriter(task.folder, this.#schema, places);
    /** Batches to make; the rows of the next are read while the first is made. */
    const claimed: number[] = [];
    let facts: FactsGatherer | undefined;
    try {
      for await (const group of readRows(claimBatches(task, places, claimed), this.#index, this.#files)) {
        const number = claimed[0] as number;
        facts ??= this.#factsOf(task, number);
        for (let i = 0; i < group.rows.length; i++) this.#append(group, i, facts);
        if (!group.endsRun) continue;
        const written = await writer.write(number, this.#builder.finish());
        await onBatch({ number, written, facts: facts.finish() });
        claimed.shift();
        facts = undefined;
      }
    } catch (error) {
      if (!(error instanceof WritingStopped)) await places.turnOf(claimed[0] as number);
      places.stop();
      throw error;
    } finally {
      await writer.close();
    }
  }

  #factsOf({ order, ends }: PartTask, batch: number): FactsGatherer {
    const { repeatColumns, sampleRows } = this.#settings;
    const start = startOf(batch, ends);
    return new FactsGatherer((ends[batch] as number) - start, repeatColumns.length, (row) =>
      isEvenlySpread(start + row, order.length, sampleRows),
    );
  }

  #append(group: RowGroup, i: number, facts: FactsGatherer): void {
    const { user, assistant } = this.#appendRow(group, i);
    facts.add(
      user,
      assistant,
      this.#settings.repeatColumns.map((column) => this.#builder.lastText(column)),
    );
  }

  /** @returns what the row asks, and what is answered */
  #appendRow({ rows, json }: RowGroup, i: number): { user: Buffer; assistant: Buffer } {
    const { columns, messages } = this.#settings;
    const row = rows[i] as number;
    if ('messages' in messages) {
      const cells = decodeRow(json(i), row, this.#index, columns);
      this.#builder.append(cells, row);
      return conversationTexts(cells[messages.messages] as Message[]);
    }
    if (!this.#builder.appendJson(json(i), row))
      this.#builder.append(decodeRow(json(i), row, this.#index, columns), row);
    return {
      user: this.#builder.lastText(messages.user) as Buffer,
      assistant: this.#builder.lastText(messages.assistant) as Buffer,
    };
  }
}

/** Rows of batches that no other lane makes. @param claimed takes the numbers of the batches */
function* claimBatches(
  { order, ends }: PartTask,
  places: ShardPlaces,
  claimed: number[],
): Generator<Uint32Array> {
  for (let batch = places.claim(); batch < ends.length; batch = places.claim()) {
    claimed.push(batch);
    yield order.subarray(startOf(batch, ends), ends[batch]);
  }
}

function startOf(batch: number, ends: Uint32Array): number {
  return batch === 0 ? 0 : (ends[batch - 1] as number);
}

/** Of a longer conversation all but its last message, and that. */
function conversationTexts(messages: readonly Message[]): { user: Buffer; assistant: Buffer } {
  const contents = messages.map(({ content }) => content);
  return {
    user: Buffer.from(contents.slice(0, -1).join('\n\n')),
    assistant: Buffer.from(contents.at(-1) as string),
  };
}
