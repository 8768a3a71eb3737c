// Benchmarks, by name; without one, the list of them. A benchmark to come needs a file of its own and a line here.
import {
  abortOnSignals,
  ChildProcessError,
  ConfigurationError,
  PlainReporter,
} from '@prometheus-actions/stage';
import type { Benchmark } from './benchmark.ts';
import { merging } from './merge.ts';
import { preparing } from './prepare.ts';
import { rerunning } from './rerun.ts';
import { formatTable } from './table.ts';
import { training } from './train.ts';

const BENCHMARKS: Record<string, Benchmark> = {
  prepare: preparing,
  train: training,
  merge: merging,
  rerun: rerunning,
};

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: string[]): Promise<number> {
  const signal = abortOnSignals();
  try {
    if (name === undefined || name === '--help') {
      print('npm run bench -- NAME [OPTIONS], and NAME --help for its options. The names:');
      print(formatTable(Object.entries(BENCHMARKS).map(([known, { summary }]) => [`  ${known}`, summary])));
      return 0;
    }
    const benchmark = BENCHMARKS[name];
    if (!benchmark) {
      throw new ConfigurationError(`there is no benchmark "${name}"`, {
        hint: `There are: ${Object.keys(BENCHMARKS).join(', ')}.`,
      });
    }
    if (args.includes('--help')) {
      print(benchmark.usage);
      return 0;
    }
    const reporter = new PlainReporter((line) => process.stderr.write(`${line}\n`));
    return await benchmark.run(args, { reporter, signal });
  } catch (error) {
    if (signal.aborted) {
      process.stderr.write('Cancelled.\n');
      return 130;
    }
    if (error instanceof ConfigurationError || isOptionError(error)) {
      process.stderr.write(`error: ${error.message}\n`);
      return 2;
    }
    process.stderr.write(
      `${error instanceof ChildProcessError ? `error: ${error.message}` : error instanceof Error ? error.stack : error}\n`,
    );
    return 1;
  }
}

/** What Node's `parseArgs` throws for an unknown option or a value that is missing. */
function isOptionError(error: unknown): error is Error {
  return (
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
