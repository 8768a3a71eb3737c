import { END_OF_STREAM } from './arrow-message.ts';

/** Where a batch stands in the output. */
export interface ShardPlace {
  /** Number of the shard. */
  shard: number;
  /** Of the batch's first byte in it; 0 where the schema comes before the batch. */
  offset: number;
}

/** Says that the writing ended early, to those who wait for their turn. */
export class WritingStopped extends Error {
  override readonly name = 'WritingStopped';
}

/** Cells of 4 bytes: the batch to be made next, that whose turn it is, and the shard at hand; from 16 on, its bytes in 8. */
const NEXT = 0;
const TURN = 1;
const SHARD = 2;
const SHARD_BYTES = 2;
const SHARED_BYTES = 24;
const STOPPED = -1;

/**
 * Shares the batches out among threads, and gives them their places, one after the other: how many bytes a batch takes
 * is known once it is made, and where it begins once those before it are.
 */
export class ShardPlaces {
  /** For another thread. */
  readonly shared: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #sizes: Float64Array;
  readonly #maxShardBytes: number;

  /** @param maxShardBytes a shard that holds more than one batch stays below this */
  constructor(maxShardBytes: number, shared = new SharedArrayBuffer(SHARED_BYTES)) {
    this.shared = shared;
    this.#cells = new Int32Array(shared);
    this.#sizes = new Float64Array(shared);
    this.#maxShardBytes = maxShardBytes;
  }

  /** Number of a batch that no thread makes yet, from 0 and without end. */
  claim(): number {
    return Atomics.add(this.#cells, NEXT, 1);
  }

  /**
   * Wait until all batches before one have their places; it may have its own too.
   *
   * @throws WritingStopped when that will not be
   */
  async turnOf(batch: number): Promise<void> {
    for (;;) {
      const turn = Atomics.load(this.#cells, TURN);
      if (turn === STOPPED) throw new WritingStopped();
      if (turn >= batch) return;
      const change = Atomics.waitAsync(this.#cells, TURN, turn);
      if (change.async) await change.value;
    }
  }

  /** The place of a batch, in its turn. @param schemaBytes come before the batch where it begins a shard */
  take(bytes: number, schemaBytes: number): ShardPlace {
    const filled = this.#sizes[SHARD_BYTES] as number;
    const isFull = filled + bytes + END_OF_STREAM.byteLength > this.#maxShardBytes;
    if (filled > 0 && isFull) (this.#cells[SHARD] as number)++;
    const offset = isFull ? 0 : filled;
    this.#sizes[SHARD_BYTES] = offset + bytes + (offset === 0 ? schemaBytes : 0);
    return { shard: this.#cells[SHARD] as number, offset };
  }

  /** End the turn of a batch. */
  pass(batch: number): void {
    // It does not pass on where the writing has been stopped.
    Atomics.compareExchange(this.#cells, TURN, batch, batch + 1);
    Atomics.notify(this.#cells, TURN);
  }

  /** Let nobody wait any longer. */
  stop(): void {
    Atomics.store(this.#cells, TURN, STOPPED);
    Atomics.notify(this.#cells, TURN);
  }
}
