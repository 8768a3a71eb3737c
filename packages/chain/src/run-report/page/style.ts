import { Markup } from './markup.ts';

/** The style sheet of the page: system fonts, one accent colour, light or dark as its reader has it. */
export const STYLE = new Markup(`
:root {
  color-scheme: light dark;
  --paper: #ffffff; --wash: #f5f7f7; --line: #dfe4e5; --ink: #1b2124; --quiet: #566166; --accent: #0b6b70;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181a; --wash: #1c2124; --line: #323a3e; --ink: #e3e7e8; --quiet: #9ba6aa; --accent: #62c4c6; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums;
}
.page { max-width: 74rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { margin-bottom: 2.5rem; }
h1 { margin: 0 0 .25rem; font-size: clamp(1.6rem, 4vw + .6rem, 2.4rem); line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { margin: 3.5rem 0 1rem; font-size: 1.4rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 2rem 0 .75rem; font-size: 1.05rem; overflow-wrap: anywhere; }
p, ul { margin: 0 0 1rem; max-width: 68ch; overflow-wrap: anywhere; }
ul { padding-left: 1.25rem; }
li + li { margin-top: .35rem; }
a { color: var(--accent); text-underline-offset: .2em; }
code { font: .875em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
.quiet, footer { color: var(--quiet); }
.state { display: inline-block; margin: .75rem 0 0; padding: .15rem .75rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .875rem; font-weight: 600; }
.state.whole { color: var(--accent); }
.figures { display: flex; flex-wrap: wrap; gap: 1px; margin: 2rem 0 0; padding: 0; border: 1px solid var(--line); border-radius: .6rem; background: var(--line); overflow: hidden; }
.figures div { flex: 1 1 8.5rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: 1rem 1.1rem; background: var(--paper); }
.figures dt { color: var(--quiet); font-size: .85rem; }
.figures dd { margin: 0; font-size: clamp(1.1rem, 2vw + .55rem, 1.35rem); white-space: nowrap; font-weight: 600; line-height: 1.35; }
nav ol { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; font-size: .925rem; }
nav li + li { margin: 0; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
nav h2 { margin: 0 0 .5rem; color: var(--quiet); font-size: .85rem; font-weight: 600; letter-spacing: 0; }
.missing { margin-top: 2.5rem; padding: 1.1rem 1.25rem .35rem; border-left: 4px solid var(--ink); border-radius: .25rem; background: var(--wash); }
.missing h2 { margin: 0 0 .75rem; }
.scroll { overflow-x: auto; margin: 0 0 1.5rem; border: 1px solid var(--line); border-radius: .6rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
th, td { padding: .5rem .9rem; text-align: left; vertical-align: baseline; white-space: nowrap; }
th { color: var(--quiet); font-size: .85rem; font-weight: 600; }
thead th { background: var(--wash); }
.number { text-align: right; }
tbody th { color: var(--ink); font-size: inherit; font-weight: 500; }
td.long, th.long { min-width: 10rem; white-space: normal; overflow-wrap: anywhere; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr.more { border-top: 0; }
tbody tr.more td { padding-top: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 2rem 2.5rem; align-items: start; }
.chart { min-width: 0; margin: 0 0 1rem; }
figcaption { font-weight: 600; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: 0; color: var(--quiet); font-size: .85rem; }
.key::before { content: ""; display: inline-block; width: 1.4rem; margin-right: .4rem; border-top: 2px solid var(--accent); vertical-align: .25em; }
.key.second::before { border-top: 2px dashed var(--ink); }
.key.dot::before { width: .45rem; height: .45rem; border: 0; border-radius: 50%; background: var(--accent); vertical-align: .1em; }
.key.second.dot::before { background: var(--ink); }
.plot { display: block; width: calc(100% - 4.25rem); height: 15rem; margin: 1rem 1.25rem 1.75rem 3rem; overflow: visible; }
.plot text { fill: var(--quiet); font-size: .75rem; }
.plot .grid { stroke: var(--line); }
.plot path { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.plot path.first { stroke: var(--accent); }
.plot path.second { stroke: var(--ink); stroke-dasharray: 5 4; }
.plot circle { stroke: var(--paper); stroke-width: 1; }
.plot circle.first { fill: var(--accent); }
.plot circle.second { fill: var(--ink); }
.plot .bar { fill: var(--accent); }
.axis { margin: 0 1.25rem .5rem 3rem; max-width: none; color: var(--quiet); font-size: .75rem; text-align: right; }
details { margin: 0 0 1rem; }
summary { width: fit-content; color: var(--quiet); font-size: .875rem; cursor: pointer; }
details > .scroll { max-height: 22rem; margin-top: .75rem; overflow-y: auto; }
footer { margin-top: 4rem; padding-top: 1.25rem; border-top: 1px solid var(--line); font-size: .875rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  th, td { padding: .45rem .6rem; }
  tbody th { white-space: normal; }
}
@media (min-width: 72rem) {
  .columns { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 2.5rem; align-items: start; }
  .columns main > section:first-child h2 { margin-top: 0; }
  .columns main > .missing { margin-top: 0; }
  .columns main > section.missing:first-child + section h2 { margin-top: 2.5rem; }
  nav { position: sticky; top: 1.5rem; }
  nav ol { flex-direction: column; }
}
@media print {
  :root { --paper: #ffffff; --wash: #ffffff; --line: #c9cfd1; --ink: #000000; --quiet: #444444; --accent: #0b5a5e; color-scheme: light; }
  html { font-size: 10pt; }
  .page { max-width: none; padding: 0; }
  .columns { display: block; }
  nav, details { display: none; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; overflow-wrap: anywhere; }
  td.long, th.long { min-width: 0; }
  figure, tr, .missing { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`);
