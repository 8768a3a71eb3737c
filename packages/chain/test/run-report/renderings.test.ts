import { HtmlValidate } from 'html-validate';
import { beforeAll, describe, expect, it } from 'vitest';
import { reportHtml } from '../../src/run-report/report-html.ts';
import { reportMarkdown } from '../../src/run-report/report-markdown.ts';
import { reportText } from '../../src/run-report/report-text.ts';
import { type RunReport, runReport } from '../../src/run-report/run-report.ts';
import { hostileReport } from './hostile.ts';
import { makeRun, outputOf, plannedRun, writeTrainingLog } from './made-run.ts';

const reports: Record<'complete' | 'stopped' | 'empty' | 'hostile', RunReport> = Object.create(null);
const KINDS = ['complete', 'stopped', 'empty', 'hostile'] as const;

beforeAll(async () => {
  const run = plannedRun();
  reports.empty = await runReport(run);
  await makeRun(run, 4);
  writeTrainingLog(outputOf(run.plan, 'sft-train/relative'), 12);
  reports.stopped = await runReport(run);
  await makeRun(run);
  reports.complete = await runReport(run);
  reports.hostile = hostileReport({ ...reports.complete, missing: reports.stopped.missing });
});

describe('the page', () => {
  it.each(KINDS)('of a run that is %s is valid HTML', async (kind) => {
    const validator = new HtmlValidate({
      extends: ['html-validate:recommended'],
      // For search engines; the hostile name of a recipe is long.
      rules: { 'long-title': 'off' },
    });
    const { results } = await validator.validateString(reportHtml(reports[kind]));
    const messages = results.flatMap((result) => result.messages);
    expect(messages.map(({ ruleId, line, message }) => `${line}: ${ruleId}: ${message}`)).toEqual([]);
  });

  it.each(KINDS)('of a run that is %s needs nothing else', (kind) => {
    const page = reportHtml(reports[kind]);
    expect(page).toContain(
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:".replaceAll("'", '&#39;'),
    );
    expect(page).not.toMatch(/<(script|iframe|img|object|embed|form|base|audio|video)\b/i);
    expect(page.match(/\b(href|src)="[^"#]*"/g)).toEqual(['href="data:,"']);
    expect(page).not.toMatch(/@import|url\(|NaN|undefined|\[object/);
  });

  it('has a heading for each entry of its contents', () => {
    const page = reportHtml(reports.complete);
    const links = [...page.matchAll(/<a href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links).toEqual([
      'plan',
      'training',
      'data',
      'merge',
      'times',
      'provenance',
      'machines',
      'assumptions',
    ]);
    for (const id of links) expect(page).toContain(`<h2 id="${id}">`);
  });

  it('says of a stopped run what is missing, and has no section of what is not there', () => {
    const page = reportHtml(reports.stopped);
    expect(page).toContain('sft-train/relative has not finished: its log ends at step 12 of 20.');
    expect(page).toContain('Loss of relative');
    expect(page).not.toContain('<h2 id="merge">');
  });

  it('describes each chart and has its values in a table', () => {
    const page = reportHtml(reports.complete);
    const charts = page.split('<figure').slice(1);
    expect(charts).toHaveLength(2 + 2 * 2 + 2);
    for (const chart of charts) {
      const [, id] = /aria-labelledby="([\w-]+)-title \1-text"/.exec(chart) ?? [];
      expect(chart).toMatch(
        new RegExp(`<title id="${id}-title">[^<]+</title>\\s*<desc id="${id}-text">[^<]+</desc>`),
      );
      expect(chart).toContain('<details><summary>Values</summary>');
    }
    expect(charts[0]).toContain(
      'goes from 10.5 at step 2 to 7.35 at step 20. The evaluation loss at step 20 is 7.1.',
    );
    expect(charts[0]).toContain(
      '<td class="number">20</td><td class="number">7.35</td><td class="number">7.1</td>',
    );
  });
});

it.each([
  ['page', (report: RunReport) => reportHtml(report).replaceAll(/<[^>]+>/g, '|')],
  ['summary', reportMarkdown],
])('the %s says how many answers are not learnt, or not to their ends', (_, rendered) => {
  const text = rendered(reports.complete);
  expect(text).toMatch(/unlabelled rows\W+cut answers/);
  expect(text).toMatch(/\W3, test: 0\W+1,234, test: 5\W/);
  const uncounted = structuredClone(reports.complete);
  for (const { actual } of uncounted.experts)
    for (const key of Object.keys(actual ?? {})) if (/rows/i.test(key)) delete (actual as never)[key];
  expect(rendered(uncounted)).not.toMatch(/unlabelled rows|cut answers/);
});

describe('the summary of a job', () => {
  it('has a part for each thing that there is', () => {
    const titles = [...reportMarkdown(reports.complete).matchAll(/^#+ (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([
      'smoke-7b: complete',
      'Plan against actual',
      'Losses',
      'Loss of absolute',
      'Loss of relative',
      'Data: feedback-collection',
      'Data: preference-collection',
      'Merge',
      'Times',
      'Where each output comes from',
      'Machines and versions',
      'What the estimate assumes',
    ]);
    expect(reportMarkdown(reports.stopped)).toContain(
      '### What is missing\n\n- sft-train/relative has not finished',
    );
  });

  it.each([0, 100, 2200, 5000])('fits into %d bytes, and says what is left out', (limit) => {
    const text = reportMarkdown(reports.complete, limit);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
    if (limit < 2200) return;
    expect(text).toMatch(/^## smoke-7b: complete/);
    expect(text).toMatch(/^Left out, since there is no room here: .*report\.html\.$/m);
    expect(text).toContain('### Plan against actual');
  });

  it('leaves nothing out where there is room', () => {
    expect(reportMarkdown(reports.complete)).not.toContain('Left out');
  });

  it('takes no text of others for Markdown, HTML or a mention', () => {
    const text = reportMarkdown(reports.hostile);
    // Neither charts, nor code, nor characters that are escaped.
    const outside = text.replaceAll(/^```mermaid\n.*?^```$|`[^`\n]*`|\\./gms, '');
    expect(outside.match(/<(?!\/?(details|summary)\b)[a-z!/]/gi)).toBeNull();
    expect(outside).not.toMatch(/\]\(|@someone/);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    // Three of each fence: opened and closed by charts alone.
    expect((text.match(/^```/gm) ?? []).length).toBe(2 * (text.match(/^```mermaid$/gm) ?? []).length);
  });
});

it('drives no terminal with the texts of others', () => {
  expect(reportText(reports.hostile)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});
