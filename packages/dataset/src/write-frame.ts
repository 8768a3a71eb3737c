import { FrameBuilder } from './arrow-batch.ts';
import { ArrowFolderWriter, type ArrowOutput } from './arrow-output.ts';
import type { Column } from './column-table.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { type Cell, type RowBatch, readRows } from './row-reader.ts';
import { codePoints, type SplitMetrics, SplitMetricsCollector, TextHashes } from './split-metrics.ts';

/** The rows to write from, and what is made of them. */
export interface FrameSource {
  index: RowIndex;
  files: RowFiles;
  columns: readonly Column[];
  /** Name of the column that becomes the user message. */
  user: string;
  /** Name of the column that becomes the assistant message. */
  assistant: string;
  systemPrompt: string | undefined;
  /** Add `__index_level_0__`, the original row. */
  withRowNumbers: boolean;
  maxShardBytes: number;
  signal: AbortSignal | undefined;
  /** Called with the rows written so far, over all parts. */
  onRows: (done: number) => void;
}

export interface WrittenFrame {
  output: ArrowOutput;
  metrics: SplitMetrics;
  /** Hashes of the texts of a column, by its name. */
  hashes: Map<string, TextHashes>;
}

/** Column of the published collections that names what was judged: several rows share one instruction. */
const INSTRUCTION_COLUMN = 'orig_instruction';

/** Writes one part after the other, each in its own order of rows. */
export class FrameWriting {
  readonly #source: FrameSource;
  #done = 0;

  constructor(source: FrameSource) {
    this.#source = source;
  }

  /** Write the rows of `order` into a folder that does not exist yet. */
  async write(folder: string, order: Uint32Array): Promise<WrittenFrame> {
    const { index, files, columns, withRowNumbers, maxShardBytes, signal } = this.#source;
    const writer = await ArrowFolderWriter.create(folder, columns, withRowNumbers, maxShardBytes);
    // Two builders: one fills while the other's batch is on its way to the disk.
    let filling = this.#builder(writer);
    let written = this.#builder(writer);
    const measures = new Measures(this.#source, order.length);
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const batch of readRows(order, index, columns, files)) {
        signal?.throwIfAborted();
        fill(filling, batch, measures);
        await writing;
        writing = writer.write(filling.finish());
        // It is awaited later; until then a failure must not count as unhandled.
        writing.catch(() => {});
        [filling, written] = [written, filling];
        this.#done += batch.rows.length;
        this.#source.onRows(this.#done);
      }
      await writing;
      return { output: await writer.finish(), metrics: measures.lengths.finish(), hashes: measures.hashes };
    } catch (error) {
      await writing.catch(() => {});
      await writer.abandon();
      throw error;
    }
  }

  #builder({ schema }: ArrowFolderWriter): FrameBuilder {
    const { columns, systemPrompt, user, assistant } = this.#source;
    const messages = { systemPrompt, user: position(columns, user), assistant: position(columns, assistant) };
    return new FrameBuilder(columns, messages, schema);
  }
}

/** What is measured while the rows pass by. */
class Measures {
  readonly lengths = new SplitMetricsCollector();
  readonly hashes = new Map<string, TextHashes>();
  readonly #hashed: { column: number; hashes: TextHashes }[] = [];
  readonly #user: number;
  readonly #assistant: number;
  readonly #prefixCharacters: number;

  constructor({ columns, user, assistant, systemPrompt }: FrameSource, rows: number) {
    this.#user = position(columns, user);
    this.#assistant = position(columns, assistant);
    this.#prefixCharacters = systemPrompt === undefined ? 0 : codePoints(`${systemPrompt}\n\n`);
    for (const name of new Set([user, INSTRUCTION_COLUMN])) {
      const column = position(columns, name);
      if (columns[column]?.type !== 'string') continue;
      const hashes = new TextHashes(rows);
      this.#hashed.push({ column, hashes });
      this.hashes.set(name, hashes);
    }
  }

  /** @param builder has the row appended last */
  add(cells: readonly Cell[], builder: FrameBuilder): void {
    this.lengths.add(this.#prefixCharacters, cells[this.#user] as string, cells[this.#assistant] as string);
    for (const { column, hashes } of this.#hashed) {
      if (cells[column] !== null) hashes.add(builder.lastText(column));
    }
  }
}

function fill(builder: FrameBuilder, { rows, cells }: RowBatch, measures: Measures): void {
  for (let i = 0; i < rows.length; i++) {
    const row = cells(i);
    builder.append(row, rows[i] as number);
    measures.add(row, builder);
  }
}

function position(columns: readonly Column[], name: string): number {
  return columns.findIndex((column) => column.name === name);
}
