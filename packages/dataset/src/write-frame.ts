import { FrameBuilder, type MessageSettings } from './arrow-batch.ts';
import { ArrowFolderWriter, type ArrowOutput } from './arrow-output.ts';
import type { Column } from './column-table.ts';
import { PartCollector, type PartSettings } from './data-report.ts';
import { type FrameSchema, frameSchema } from './frame-schema.ts';
import type { Message } from './messages.ts';
import { decodeRow } from './row-cells.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { type RowGroup, readRows } from './row-reader.ts';
import type { TokenLimit } from './token-estimate.ts';

/** The rows to write from, and what is made of them. */
export interface FrameSource {
  index: RowIndex;
  files: RowFiles;
  columns: readonly Column[];
  messages: MessageSettings;
  /** Report tokens too. */
  tokens: TokenLimit | undefined;
  /** Add `__index_level_0__`, the original row. */
  withRowNumbers: boolean;
  maxShardBytes: number;
  signal: AbortSignal | undefined;
  /** Called with the rows written so far, over all parts. */
  onRows: (done: number) => void;
}

export interface WrittenFrame {
  output: ArrowOutput;
  /** Has all rows. */
  collector: PartCollector;
}

/** `datasets` writes batches of 1,000 rows too. */
const BATCH_ROWS = 1000;
/** JSON text of the rows of a batch. */
const BATCH_BYTES = 2 << 20;

/** Column of the published collections that names what was judged: several rows share one instruction. */
const INSTRUCTION_COLUMN = 'orig_instruction';

/** Writes one part after the other, each in its own order of rows. */
export class FrameWriting {
  readonly #source: FrameSource;
  readonly #schema: FrameSchema;
  readonly #repeatColumns: number[];
  /** One fills while the other's batch is on its way to the disk. */
  readonly #builders: [FrameBuilder, FrameBuilder];
  #done = 0;

  constructor(source: FrameSource) {
    const { columns, messages, withRowNumbers } = source;
    this.#source = source;
    this.#schema = frameSchema(columns, withRowNumbers);
    this.#repeatColumns = instructionColumns(source);
    const builder = () => new FrameBuilder(columns, messages, this.#schema.schema, BATCH_BYTES);
    this.#builders = [builder(), builder()];
  }

  /** Write the rows of `order` into a folder that does not exist yet. */
  async write(folder: string, order: Uint32Array): Promise<WrittenFrame> {
    const { index, files, maxShardBytes, signal } = this.#source;
    const writer = await ArrowFolderWriter.create(folder, this.#schema, maxShardBytes);
    let [filling, written] = this.#builders;
    const collector = new PartCollector(order.length, this.#partSettings());
    let writing: Promise<void> = Promise.resolve();
    const writeBatch = async (): Promise<void> => {
      signal?.throwIfAborted();
      await writing;
      this.#done += filling.rows;
      writing = writer.write(filling.finish());
      // It is awaited later; until then a failure must not count as unhandled.
      writing.catch(() => {});
      [filling, written] = [written, filling];
      this.#source.onRows(this.#done);
    };
    try {
      let bytes = 0;
      for await (const group of readRows(order, index, files)) {
        for (let i = 0; i < group.rows.length; i++) {
          const length = index.length(group.rows[i] as number);
          if (filling.rows === BATCH_ROWS || (filling.rows > 0 && bytes + length > BATCH_BYTES)) {
            await writeBatch();
            bytes = 0;
          }
          this.#append(filling, group, i, collector);
          bytes += length;
        }
      }
      if (filling.rows > 0) await writeBatch();
      await writing;
      return { output: await writer.finish(), collector };
    } catch (error) {
      await writing.catch(() => {});
      await writer.abandon();
      throw error;
    }
  }

  #append(builder: FrameBuilder, group: RowGroup, i: number, collector: PartCollector): void {
    const { user, assistant } = this.#appendRow(builder, group, i);
    collector.add(
      user,
      assistant,
      this.#repeatColumns.map((column) => builder.lastText(column)),
    );
  }

  /** @returns what the row asks, and what is answered */
  #appendRow(
    builder: FrameBuilder,
    { rows, json }: RowGroup,
    i: number,
  ): { user: Buffer; assistant: Buffer } {
    const { index, columns, messages } = this.#source;
    const row = rows[i] as number;
    if ('messages' in messages) {
      const cells = decodeRow(json(i), row, index, columns);
      builder.append(cells, row);
      return conversationTexts(cells[messages.messages] as Message[]);
    }
    if (!builder.appendJson(json(i), row)) builder.append(decodeRow(json(i), row, index, columns), row);
    return {
      user: builder.lastText(messages.user) as Buffer,
      assistant: builder.lastText(messages.assistant) as Buffer,
    };
  }

  #partSettings(): PartSettings {
    const { columns, messages, tokens } = this.#source;
    const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
    return {
      prefix: prompt === undefined ? '' : `${prompt}\n\n`,
      userColumn: 'messages' in messages ? 'prompt' : (columns[messages.user] as Column).name,
      repeatColumns: this.#repeatColumns.map((column) => (columns[column] as Column).name),
      tokens,
    };
  }
}

/** Of a text column of that name, beside the user's. */
function instructionColumns({ columns, messages }: FrameSource): number[] {
  const place = columns.findIndex(({ name, type }) => name === INSTRUCTION_COLUMN && type === 'string');
  return place === -1 || ('user' in messages && messages.user === place) ? [] : [place];
}

/** Of a longer conversation all but its last message, and that. */
function conversationTexts(messages: readonly Message[]): { user: Buffer; assistant: Buffer } {
  const contents = messages.map(({ content }) => content);
  return {
    user: Buffer.from(contents.slice(0, -1).join('\n\n')),
    assistant: Buffer.from(contents.at(-1) as string),
  };
}
