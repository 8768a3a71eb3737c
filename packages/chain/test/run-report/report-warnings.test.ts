import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { reportHtml } from '../../src/run-report/report-html.ts';
import { reportMarkdown } from '../../src/run-report/report-markdown.ts';
import { reportText } from '../../src/run-report/report-text.ts';
import { type RunReport, runReport } from '../../src/run-report/run-report.ts';
import { makeRun, outputOf, plannedRun } from './made-run.ts';

const STAGE = 'prepare-dataset/feedback-collection';
const FOUND = /The assistant text is empty in 3 of 304 train rows: remove these rows\./;

/** A run whose data lack answers, and whose training warned more often than a manifest lists. */
async function warned(): Promise<RunReport> {
  const run = plannedRun();
  const file = path.join(run.folder, 'smoke-7b/data/feedback.json');
  const rows = JSON.parse(readFileSync(file, 'utf8')) as { output: string }[];
  // Of the rows that the split puts into train.
  for (const row of rows.slice(0, 3)) row.output = '';
  writeFileSync(file, JSON.stringify(rows));
  await makeRun(run);
  const manifest = path.join(outputOf(run.plan, 'sft-train/absolute'), 'stage-manifest.json');
  const made = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(
    manifest,
    JSON.stringify({ ...made, warnings: ['<b>high</b> loss'], warnings_left_out: 1234 }),
  );
  return runReport(run);
}

it('names the warnings of each stage, in every form', async () => {
  const report = await warned();
  const prepared = report.stages.find(({ id }) => id === STAGE)?.made;
  const [first = ''] = prepared?.warnings ?? [];
  expect(first).toMatch(FOUND);
  const number = 1235 + (prepared?.warnings.length ?? 0);
  const title = `${number.toLocaleString('en-US')} warnings`;

  const html = reportHtml(report);
  expect(html).toContain(`<h2 id="warnings">${title}</h2>`);
  expect(html).toMatch(new RegExp(`<li>${STAGE}: ${FOUND.source}</li>`));
  expect(html).toContain('<li>sft-train/absolute: &#60;b&#62;high&#60;/b&#62; loss</li>');
  expect(html).toContain('<li>sft-train/absolute: 1,234 more, shown while it ran</li>');

  const markdown = reportMarkdown(report);
  expect(markdown).toContain(`### ${title}\n`);
  expect(markdown).toMatch(new RegExp(`\n- ${STAGE}: ${FOUND.source}\n`));
  expect(markdown).toContain('- sft-train/absolute: &#60;b&#62;high&#60;/b&#62; loss\n');

  const text = reportText(report);
  expect(text).toMatch(new RegExp(`\n\n${title}\n  ${STAGE}: ${FOUND.source}\n`));
  expect(text).toMatch(/\n {2}sft-train\/absolute: 1,234 more, shown while it ran$/);
});

it('has no such part where no stage warned, or none is made', async () => {
  const run = plannedRun();
  const empty = await runReport(run);
  await makeRun(run);
  for (const report of [empty, await runReport(run)]) {
    expect(reportHtml(report)).not.toContain('id="warnings"');
    expect(reportMarkdown(report)).not.toContain('warning');
    expect(reportText(report)).not.toContain('warning');
  }
});
