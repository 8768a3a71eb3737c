/** Lengths of the texts of a part. */
export interface LengthSummary {
  total: number;
  mean: number;
  min: number;
  max: number;
  percentiles: Percentiles;
  histogram: Histogram;
}

/** Nearest rank: `p95` is the smallest length that at least 95 % of the texts do not exceed. */
export interface Percentiles {
  p5: number;
  p25: number;
  p50: number;
  p75: number;
  p95: number;
  p99: number;
}

/** `counts[i]` lengths are from `edges[i]` up to, but without, `edges[i + 1]`: there is one edge more than counts. */
export interface Histogram {
  edges: number[];
  counts: number[];
}

/** @param lengths at least one; the array is left as it is */
export function summarizeLengths(lengths: Uint32Array): LengthSummary {
  if (lengths.length === 0) throw new RangeError('there are no lengths to summarize');
  const sorted = lengths.toSorted();
  const total = sorted.reduce((sum, length) => sum + length, 0);
  return {
    total,
    mean: total / sorted.length,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    percentiles: {
      p5: percentile(sorted, 5),
      p25: percentile(sorted, 25),
      p50: percentile(sorted, 50),
      p75: percentile(sorted, 75),
      p95: percentile(sorted, 95),
      p99: percentile(sorted, 99),
    },
    histogram: histogram(sorted),
  };
}

/** Whether the last bin is wider than the others, and so stands for a few long texts. */
export function hasTail({ edges }: Histogram): boolean {
  const [first = 0, second = 0] = edges;
  const [before = 0, last = 0] = edges.slice(-2);
  return last - before > second - first;
}

/** @param percent a whole number from 1 to 100, so that the rank is computed without rounding errors */
function percentile(sorted: Uint32Array, percent: number): number {
  return sorted[Math.ceil((percent * sorted.length) / 100) - 1] as number;
}

const MOST_BINS = 12;

/**
 * Bins of 1, 2 or 5 times a power of ten. They are as narrow as lets 99 % of the lengths fit into all bins but the
 * last, and the last reaches to the longest: one long text does not squeeze all others into one bin.
 */
function histogram(sorted: Uint32Array): Histogram {
  const min = sorted[0] as number;
  const max = sorted.at(-1) as number;
  const width = roundWidth(min, percentile(sorted, 99));
  const first = Math.floor(min / width);
  const bins = Math.min(MOST_BINS, Math.floor(max / width) - first + 1);
  const edges = Array.from({ length: bins }, (_, bin) => (first + bin) * width);
  const counts = new Array<number>(bins).fill(0);
  for (const length of sorted) {
    const bin = Math.min(bins - 1, Math.floor(length / width) - first);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { edges: [...edges, (Math.floor(max / width) + 1) * width], counts };
}

function roundWidth(from: number, to: number): number {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) {
      const width = digit * power;
      if (Math.floor(to / width) - Math.floor(from / width) < MOST_BINS - 1) return width;
    }
  }
}
