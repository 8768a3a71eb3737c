import { html, type Markup } from './page/markup.ts';
import { dataMarkup, mergeMarkup, tableMarkup, trainingMarkup } from './page/sections.ts';
import { STYLE } from './page/style.ts';
import {
  machinesTable,
  planAgainstActual,
  provenanceTable,
  reportFigures,
  reportWarnings,
  timesTable,
} from './report-tables.ts';
import type { RunReport } from './run-report.ts';

interface Section {
  id: string;
  title: string;
  content: Markup;
}

/** No script, no request: whatever the data, the page can do nothing but be read. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** A report as one page that needs nothing else: no scripts, no requests, charts inline. */
export function reportHtml(report: RunReport): string {
  const { recipe, complete, missing, totals, made, artifactsDir } = report;
  const sections = sectionsOf(report);
  const state = complete ? 'Complete' : `Not complete: ${totals.whole} of ${totals.stages} stages done`;
  const when =
    totals.started && totals.finished
      ? `${minute(totals.started)} to ${minute(totals.finished)} UTC`
      : 'Nothing has run yet.';
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${recipe}: report of the run</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<div class="page">
<header>
<h1>${recipe}</h1>
<p class="quiet">Report of the run. ${when}</p>
<p class="state${complete && ' whole'}">${state}</p>
<dl class="figures">${reportFigures(report).map(({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
</header>
<div class="columns">
<nav aria-labelledby="contents">
<h2 id="contents">Contents</h2>
<ol>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ol>
</nav>
<main>
${
  missing.length > 0 &&
  html`<section class="missing" aria-labelledby="missing"><h2 id="missing">What is missing</h2>
<ul>${missing.map((line) => html`<li>${line}</li>`)}</ul></section>
`
}${sections.map(
  ({ id, title, content }) => html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}</section>
`,
)}</main>
</div>
<footer>Made ${minute(made)} UTC from the manifests in ${artifactsDir}.</footer>
</div>
</body>
</html>
`;
  return page.text;
}

function sectionsOf(report: RunReport): Section[] {
  const { experts, datasets, merge, planned } = report;
  const warnings = reportWarnings(report);
  const plan = planAgainstActual(report);
  const onCpu = experts.some(({ actual }) => actual?.device === 'CPU');
  const section = (id: string, title: string, content: Markup | false | undefined): Section[] =>
    content ? [{ id, title, content }] : [];
  return [
    ...section(
      'warnings',
      warnings?.title ?? '',
      warnings &&
        html`<ul>${warnings.lines.map((line) => html`<li>${line}</li>`)}</ul>
`,
    ),
    ...section(
      'plan',
      'Plan against actual',
      plan.rows.length > 0 &&
        html`${tableMarkup('Plan against actual', plan)}${
          onCpu &&
          html`<p class="quiet">On a CPU, the memory that was measured is that of the whole process; what was planned is that of the tensors.</p>
`
        }`,
    ),
    ...section(
      'training',
      'Training',
      experts.some(({ actual, curve }) => actual ?? curve) && trainingMarkup(experts),
    ),
    ...section('data', 'Data', Object.keys(datasets).length > 0 && dataMarkup(datasets)),
    ...section('merge', 'Merge', merge && mergeMarkup(merge)),
    ...section('times', 'Times', tableMarkup('Times', timesTable(report))),
    ...section(
      'provenance',
      'Where each output comes from',
      html`<p>A fingerprint stands for all that decides an output: settings, inputs, versions. A digest stands for contents.</p>
${tableMarkup('Where each output comes from', provenanceTable(report))}`,
    ),
    ...section(
      'machines',
      'Machines and versions',
      report.stages.some(({ made }) => made) && tableMarkup('Machines and versions', machinesTable(report)),
    ),
    ...section(
      'assumptions',
      'What the estimate assumes',
      'problem' in planned
        ? html`<p>There is no estimate: ${planned.problem}</p>
`
        : html`<ul>${planned.assumptions.map((line) => html`<li>${line}</li>`)}</ul>
`,
    ),
  ];
}

/** `2026-03-01 14:05`. */
function minute(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
