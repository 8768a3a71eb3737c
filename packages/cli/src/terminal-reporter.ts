import { moreWarnings, titleBefore } from '@prometheus-actions/chain';
import {
  formatAmount,
  formatSeconds,
  PlainReporter,
  printable,
  type Reporter,
  type StageProgress,
  warningText,
} from '@prometheus-actions/stage';
import ora, { type Ora } from 'ora';
import { printedText } from './printed-text.ts';

const BAR_WIDTH = 24;

export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
}

/**
 * Where a command reports: one live line a stage on a terminal, plain lines in a pipe. With `--json`, whose result
 * goes to stdout alone, and on a terminal all of it goes to stderr; with `--quiet` only warnings are left.
 */
export function commandReporter({ json, quiet }: OutputOptions): Reporter {
  const stream = json ? process.stderr : process.stdout;
  if (quiet) return quietReporter();
  if (stream.isTTY && !process.env.CI) return new TerminalReporter(stream);
  return new PlainReporter((line) => stream.write(`${printedText(line)}\n`));
}

class TerminalReporter extends PlainReporter {
  readonly #stream: NodeJS.WriteStream;
  #spinner: Ora | undefined;

  constructor(stream: NodeJS.WriteStream) {
    super((line) => {
      this.#spinner?.clear();
      stream.write(`${line}\n`);
      this.#spinner?.render();
    });
    this.#stream = stream;
  }

  override startStage(title: string): StageProgress {
    const spinner = ora({ text: title, stream: this.#stream, discardStdin: false }).start();
    this.#spinner = spinner;
    let started = Date.now();
    let lastDone = Number.POSITIVE_INFINITY;
    let detail = '';
    return {
      phase: (name) => {
        spinner.text = `${title}  ${printable(name)}`;
      },
      progress: (done, total, unit) => {
        if (done < lastDone) started = Date.now();
        lastDone = done;
        const share = Math.min(done / Math.max(total, 1), 1);
        const filled = Math.round(share * BAR_WIDTH);
        const left =
          share > 0.02
            ? `, ${formatSeconds(((Date.now() - started) / 1000 / share) * (1 - share))} left`
            : '';
        const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
        spinner.text = `${title}  ${bar}  ${formatAmount(done, unit)} of ${formatAmount(total, unit)}${left}${detail}`;
      },
      line: (text) => {
        detail = `  ${printable(text)}`;
      },
      end: (status, text) => {
        this.#spinner = undefined;
        const line = `${title}  ${status}${text ? `, ${text}` : ''}`;
        if (status === 'failed') spinner.fail(line);
        else if (status === 'stopped') spinner.warn(line);
        else spinner.succeed(line);
      },
    };
  }
}

/** A stage that is up to date gave its warnings when it was made: here they are printed at its end, each once. */
function quietReporter(): Reporter {
  const silent = () => {};
  const plain = new PlainReporter((line) => process.stderr.write(`${printedText(line)}\n`));
  const told = new Set<string>();
  const warn: Reporter['warning'] = (text, place) => {
    told.add(warningText(text, place));
    plain.warning(text);
  };
  return {
    info: silent,
    notice: silent,
    warning: warn,
    error: (text) => plain.error(text),
    startStage: (title) => ({
      phase: silent,
      progress: silent,
      line: silent,
      end: (status, _, { entries, leftOut }) => {
        if (status !== 'up to date') return;
        const texts = entries.map(({ text }) => text).filter((text) => !told.has(text));
        if (leftOut > 0) texts.push(moreWarnings(leftOut));
        for (const text of texts) warn(`${titleBefore(title, text)}${text}`);
      },
    }),
  };
}
