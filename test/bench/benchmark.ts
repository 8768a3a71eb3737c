import type { Reporter } from '@prometheus-actions/stage';

/** One benchmark, as `npm run bench -- NAME` runs it. It measures; whether a figure is good is for people to say. */
export interface Benchmark {
  /** One line for the list of benchmarks. */
  summary: string;
  /** Its options, a line each. */
  usage: string;
  /**
   * Measures, and prints the result to standard output.
   *
   * @param args what follows the name
   * @returns the exit code, which no figure changes: 1 where two ways that should make the same made different things
   * @throws ConfigurationError for options or a machine that it can't run with
   */
  run(args: string[], context: BenchmarkContext): Promise<number>;
}

export interface BenchmarkContext {
  /** For what happens meanwhile; not on standard output. */
  reporter: Reporter;
  signal: AbortSignal;
}
