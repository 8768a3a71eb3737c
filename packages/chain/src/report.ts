import { dataReportMarkdown } from '@prometheus-actions/dataset';
import {
  formatBytes,
  formatSeconds,
  type Manifest,
  markdown,
  type StageOutcome,
} from '@prometheus-actions/stage';
import { readLossCurve, trainingLogFile } from './loss-curve.ts';
import { lossCurveMermaid } from './loss-curve-mermaid.ts';
import { mergeReport } from './merge-report.ts';
import { reportOf } from './prepare-dataset.ts';
import type { Outcomes } from './replicate.ts';

/** What a finished chain says at its end: rows, losses, sizes, times, and how to load the judge. */
export function finalReport(outcomes: Outcomes): string {
  const lines = outcomes.flatMap(({ id, outcome }) =>
    outcome.manifest ? [[id, outcome.status, ...describe(outcome.manifest)]] : [[id, outcome.status]],
  );
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const judge = outcomes.find(({ id }) => id === 'model-merge')?.outcome;
  if (!judge?.manifest) return table.join('\n');
  return [
    ...table,
    '',
    `The judge is in ${judge.outputDir}. To load it:`,
    '',
    '  from transformers import AutoModelForCausalLM, AutoTokenizer',
    `  model = AutoModelForCausalLM.from_pretrained(${JSON.stringify(judge.outputDir)})`,
    `  tokenizer = AutoTokenizer.from_pretrained(${JSON.stringify(judge.outputDir)})`,
  ].join('\n');
}

/** One stage in a job summary, as Markdown. */
export function stageSummary(title: string, status: string, manifest: Manifest | undefined): string {
  if (!manifest) return `### ${markdown(title)}: ${status}\n`;
  const rows = Object.entries(manifest.metrics as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'number' || typeof value === 'string')
    .map(([name, value]) => `| ${markdown(name.replaceAll('_', ' '))} | ${markdown(String(value))} |`);
  const files = manifest.outputs.length;
  return [
    `### ${markdown(title)}: ${status}`,
    '',
    '| | |',
    '| --- | --- |',
    `| output | ${files} files, ${formatBytes(totalBytes(manifest))} |`,
    `| time | ${formatSeconds(manifest.timings.seconds)} |`,
    ...rows,
    `| fingerprint | \`${manifest.fingerprint.replace(/\W/g, '').slice(0, 16)}\` |`,
    '',
    ...(manifest.stage === 'prepare-dataset' ? [dataReportMarkdown(reportOf(manifest.metrics))] : []),
    ...(manifest.stage === 'model-merge' ? [mergeReport(manifest.metrics)] : []),
  ].join('\n');
}

/** The loss curve of a stage that has just trained, as Markdown; empty for any other, and where its log can't be read. */
export async function lossCurveSummary({ status, outputDir }: StageOutcome): Promise<string> {
  const curve =
    status === 'up to date'
      ? undefined
      : await readLossCurve(trainingLogFile(outputDir)).catch(() => undefined);
  return curve ? lossCurveMermaid(curve) : '';
}

function describe(manifest: Manifest): string[] {
  return [headline(manifest), formatBytes(totalBytes(manifest)), formatSeconds(manifest.timings.seconds)];
}

function headline({ stage, metrics }: Manifest): string {
  const values = metrics as Record<string, unknown>;
  if (stage === 'prepare-dataset') {
    const { train, test } = values as { train: { rows: number }; test?: { rows: number } };
    return `${train.rows} + ${test?.rows ?? 0} rows`;
  }
  if (stage === 'sft-train') {
    return `loss ${Number(values.train_loss_first).toFixed(3)} → ${Number(values.train_loss_last).toFixed(3)}`;
  }
  return typeof values.tensors === 'number' ? `${values.tensors} tensors` : '';
}

function totalBytes(manifest: Manifest): number {
  return manifest.outputs.reduce((sum, { size }) => sum + size, 0);
}
