import path from 'node:path';
import * as core from '@actions/core';
import type { Place } from './errors.ts';
import { PlainReporter, printable, type Reporter, type StageProgress } from './reporter.ts';
import { visibleText } from './visible-text.ts';

/** Reports into a GitHub job's log: a foldable group a stage, notices and warnings as annotations. */
export class GithubReporter implements Reporter {
  readonly #plain = new PlainReporter((line) => core.info(withoutCommands(line)));

  info(text: string): void {
    this.#plain.info(text);
  }

  notice(text: string, place?: Place): void {
    core.notice(printable(text), annotation(place));
  }

  warning(text: string, place?: Place): void {
    core.warning(printable(text), annotation(place));
  }

  error(text: string, place?: Place): void {
    core.error(printable(text), annotation(place));
  }

  startStage(title: string): StageProgress {
    core.startGroup(printable(title));
    const progress = this.#plain.startStage(title);
    return {
      phase: (name) => progress.phase(name),
      progress: (done, total, unit) => progress.progress(done, total, unit),
      line: (text) => progress.line(text),
      end: (status, detail, warnings) => {
        core.endGroup();
        progress.end(status, detail, warnings);
      },
    };
  }
}

/**
 * Text that the runner takes for text, whatever it holds: a workflow command is `::` at the start of a line, an older form
 * `##[` anywhere in it. The runner (its `ActionCommand.cs`) looks for them as .NET compares by culture, which passes over
 * characters without a width, after `TrimStart`, which takes U+0085 for white space.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^([\s\u0085\p{DI}]*):(?=\p{DI}*:)/gmu, '$1: ').replace(/#\p{DI}*#\p{DI}*\[/gu, '## [');
}

/** Annotations are shown on a pull request's files when their paths are relative to the checkout. */
function annotation(place: Place | undefined): core.AnnotationProperties {
  if (!place) return {};
  const workspace = process.env.GITHUB_WORKSPACE;
  const file = workspace ? path.relative(workspace, path.resolve(place.file)) : place.file;
  return {
    file: visibleText(file),
    ...(place.line === undefined ? {} : { startLine: place.line }),
    ...(place.column === undefined ? {} : { startColumn: place.column }),
  };
}
