import { FrameBuilder, type MessageSettings } from './arrow-batch.ts';
import { ArrowFolderWriter, type ArrowOutput } from './arrow-output.ts';
import type { Column } from './column-table.ts';
import type { Message } from './messages.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { type Cell, type RowBatch, readRows } from './row-reader.ts';
import { codePoints, type SplitMetrics, SplitMetricsCollector, TextHashes } from './split-metrics.ts';

/** The rows to write from, and what is made of them. */
export interface FrameSource {
  index: RowIndex;
  files: RowFiles;
  columns: readonly Column[];
  messages: MessageSettings;
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
    return new FrameBuilder(this.#source.columns, this.#source.messages, schema);
  }
}

/** What is measured while the rows pass by. */
class Measures {
  readonly lengths = new SplitMetricsCollector();
  readonly hashes = new Map<string, TextHashes>();
  readonly #settings: MessageSettings;
  readonly #prefixCharacters: number;
  readonly #instruction: { column: number; hashes: TextHashes } | undefined;
  readonly #prompts: TextHashes;

  constructor({ columns, messages }: FrameSource, rows: number) {
    this.#settings = messages;
    const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
    this.#prefixCharacters = prompt === undefined ? 0 : codePoints(`${prompt}\n\n`);
    const instruction = columns.findIndex(
      ({ name, type }) => name === INSTRUCTION_COLUMN && type === 'string',
    );
    this.#prompts = new TextHashes(rows);
    this.hashes.set(
      'messages' in messages ? 'prompt' : (columns[messages.user] as Column).name,
      this.#prompts,
    );
    if (instruction !== -1 && !this.hashes.has(INSTRUCTION_COLUMN)) {
      this.#instruction = { column: instruction, hashes: new TextHashes(rows) };
      this.hashes.set(INSTRUCTION_COLUMN, this.#instruction.hashes);
    }
  }

  add(cells: readonly Cell[]): void {
    const { user, assistant } = textsOf(cells, this.#settings);
    this.lengths.add(this.#prefixCharacters, user, assistant);
    this.#prompts.add(user);
    const instruction = this.#instruction && cells[this.#instruction.column];
    if (typeof instruction === 'string') this.#instruction?.hashes.add(instruction);
  }
}

/** What a row asks, and what is answered: of a longer conversation all but its last message, and that. */
function textsOf(cells: readonly Cell[], settings: MessageSettings): { user: string; assistant: string } {
  if (!('messages' in settings)) {
    return { user: cells[settings.user] as string, assistant: cells[settings.assistant] as string };
  }
  const contents = (cells[settings.messages] as Message[]).map(({ content }) => content);
  return { user: contents.slice(0, -1).join('\n\n'), assistant: contents.at(-1) as string };
}

function fill(builder: FrameBuilder, { rows, cells }: RowBatch, measures: Measures): void {
  for (let i = 0; i < rows.length; i++) {
    const row = cells(i);
    builder.append(row, rows[i] as number);
    measures.add(row);
  }
}
