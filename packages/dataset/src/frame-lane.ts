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
  /** Each lane makes every `lanes`-th batch. */
  lanes: number;
}

/** A batch that was made and written. */
export interface MadeBatch {
  number: number;
  written: WrittenBatch;
  facts: RowFacts;
}

/** Makes and writes one lane's batches of each part: what one thread does. */
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
   * Make the batches of a lane. Where a row is wrong, that waits until all batches before it are made, in the other lanes
   * too: so the first that is wrong is told, however many lanes there are.
   *
   * @param lane number from 0
   * @param onBatch is given each batch; it may throw to end this
   * @throws WritingStopped when another lane ended it
   */
  async run(
    task: PartTask,
    lane: number,
    onBatch: (batch: MadeBatch) => Promise<void> | void,
  ): Promise<void> {
    const { folder, order, ends, lanes } = task;
    const places = new ShardPlaces(this.#settings.maxShardBytes, task.places);
    const writer = new ShardWriter(folder, this.#schema, places);
    let number = lane;
    try {
      let facts = this.#factsOf(task, number);
      for await (const group of readRows(batchesOf(order, ends, lane, lanes), this.#index, this.#files)) {
        for (let i = 0; i < group.rows.length; i++) this.#append(group, i, facts);
        if (!group.endsRun) continue;
        const written = await writer.write(number, this.#builder.finish());
        await onBatch({ number, written, facts: facts.finish() });
        number += lanes;
        facts = this.#factsOf(task, number);
      }
    } catch (error) {
      if (!(error instanceof WritingStopped)) await places.turnOf(number);
      places.stop();
      throw error;
    } finally {
      await writer.close();
    }
  }

  #factsOf({ order, ends }: PartTask, batch: number): FactsGatherer {
    const { repeatColumns, sampleRows } = this.#settings;
    const start = batch === 0 ? 0 : (ends[batch - 1] as number);
    return new FactsGatherer((ends[batch] ?? start) - start, repeatColumns.length, (row) =>
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

/** Rows of each batch of a lane. */
function* batchesOf(
  order: Uint32Array,
  ends: Uint32Array,
  lane: number,
  lanes: number,
): Generator<Uint32Array> {
  for (let batch = lane; batch < ends.length; batch += lanes)
    yield order.subarray(batch === 0 ? 0 : ends[batch - 1], ends[batch]);
}

/** Of a longer conversation all but its last message, and that. */
function conversationTexts(messages: readonly Message[]): { user: Buffer; assistant: Buffer } {
  const contents = messages.map(({ content }) => content);
  return {
    user: Buffer.from(contents.slice(0, -1).join('\n\n')),
    assistant: Buffer.from(contents.at(-1) as string),
  };
}
