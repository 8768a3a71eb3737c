import type { RunReport } from '../../src/run-report/run-report.ts';

/** Texts that would do something where they are not escaped: in HTML, its attributes, Markdown, Mermaid and a comment. */
export const HOSTILE = [
  '<script>document.title="broken"</script>',
  '"><img src=x onerror="document.title=\'broken\'">',
  "' onmouseover='x' </td></table><h1>x</h1>",
  '</style></title></desc></svg><iframe src="https://example.org"></iframe>',
  '--><b>x</b> ``` \n# x | y | [z](javascript:alert(1)) ![](https://example.org/x.png) @someone',
  '\u202edesrever\u0000\u001b[31m',
];

/** A report in which every text that comes from recipes, data and manifests is a hostile one. */
export function hostileReport(report: RunReport): RunReport {
  let next = 0;
  const hostile = () => `${HOSTILE[next++ % HOSTILE.length]}${next}`;
  return replaced(report, [], hostile) as RunReport;
}

/** Not texts but what the program decides on. */
const KEPT = new Set(['state', 'device', 'verdict_scale', 'started', 'finished', 'made', 'key']);

function replaced(value: unknown, path: string[], hostile: () => string): unknown {
  const key = path.at(-1) ?? '';
  if (typeof value === 'string') return KEPT.has(key) ? value : hostile();
  if (Array.isArray(value)) return value.map((each) => replaced(each, [...path, 'item'], hostile));
  if (value === null || typeof value !== 'object') return value;
  // Names that others gave are keys of these objects.
  const named = ['datasets', 'verdicts', 'repeats', 'versions'].includes(key);
  const entries = Object.entries(value).map(([name, each]) => [
    named ? hostile() : name,
    replaced(each, [...path, name], hostile),
  ]);
  return Object.fromEntries(entries);
}
