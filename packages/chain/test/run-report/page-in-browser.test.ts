import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { reportHtml } from '../../src/run-report/report-html.ts';
import { type RunReport, runReport } from '../../src/run-report/run-report.ts';
import { chromium } from './browser.ts';
import { hostileReport } from './hostile.ts';
import { makeRun, plannedRun } from './made-run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'page-'));
const executablePath = chromium();
let report: RunReport;
let browser: Browser | undefined;

beforeAll(async () => {
  const run = plannedRun();
  await makeRun(run);
  report = await runReport(run);
  // A container's root may not make the sandbox; the pages are our own.
  if (executablePath) browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox'] });
});

afterAll(() => browser?.close());

interface Opened {
  page: Page;
  /** What the console said, and what was asked of a network or the disk, but for the page itself. */
  complaints: string[];
}

async function open(
  context: TestContext,
  shown: RunReport,
  { width = 1280, scheme = 'light' }: { width?: number; scheme?: 'light' | 'dark' } = {},
): Promise<Opened> {
  if (!browser) context.skip('there is no Chromium on this machine: apt-get install chromium');
  const file = path.join(folder, 'report.html');
  writeFileSync(file, reportHtml(shown));
  const page = await (browser as Browser).newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${String(error)}`));
  page.on('request', (request) => {
    if (!['data:,', `file://${file}`].includes(request.url())) complaints.push(`request: ${request.url()}`);
  });
  page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  await page.setViewport({ width, height: 800 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(`file://${file}`, { waitUntil: 'load' });
  return { page, complaints };
}

// What is evaluated in the page is text: this project's types know no document.
const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe('the page in a browser', () => {
  it('says nothing to the console and asks for nothing', async (context) => {
    const { page, complaints } = await open(context, report);
    await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
    expect(complaints).toEqual([]);
    expect(await page.title()).toBe('smoke-7b: report of the run');
  });

  it('draws its charts', async (context) => {
    const { page } = await open(context, report);
    const lengths = (await page.evaluate(
      '[...document.querySelectorAll(".plot path")].map((path) => path.getTotalLength())',
    )) as number[];
    // Two losses; distance and cosine of the merge. An evaluation alone is a dot.
    expect(lengths).toHaveLength(4);
    expect(Math.min(...lengths)).toBeGreaterThan(100);
    const bars = (await page.evaluate(
      '[...document.querySelectorAll(".plot .bar")].map((bar) => bar.getBoundingClientRect().height)',
    )) as number[];
    expect(bars.length).toBeGreaterThan(10);
    expect(Math.max(...bars)).toBeGreaterThan(100);
  });

  it.for([320, 360, 768, 1280])(
    'fits into %d pixels, with charts that can be read',
    async (width, context) => {
      const { page } = await open(context, report, { width });
      expect(await page.evaluate(overflow)).toBe(0);
      const sizes = (await page.evaluate(
        '[...document.querySelectorAll(".plot text")].map((text) => text.getBoundingClientRect().height)',
      )) as number[];
      expect(Math.min(...sizes)).toBeGreaterThan(11);
      const outside = await page.evaluate(
        `[...document.querySelectorAll(".plot text")].filter((text) => {
        const { left, right } = text.getBoundingClientRect();
        return left < 0 || right > document.documentElement.clientWidth;
      }).map((text) => text.textContent)`,
      );
      expect(outside).toEqual([]);
    },
  );

  it.for(['smoke-7b', 'smoke-8x7b'])(
    'has room for every table of %s in 1280 pixels, with the numbers of a large run too',
    async (name, context) => {
      const run = plannedRun(name);
      await makeRun(run);
      const made = await runReport(run);
      // As many rows and characters as the datasets of the large recipes have, and more.
      const datasets = JSON.parse(JSON.stringify(made.datasets), (_, value) =>
        Number.isInteger(value) ? 1000 * value : value,
      );
      for (const shown of [made, { ...made, datasets }]) {
        const { page } = await open(context, shown);
        await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
        const [tables, wider] = (await page.evaluate(
          `[document.querySelectorAll("table").length, [...document.querySelectorAll(".scroll")]
          .filter((box) => box.scrollWidth > box.clientWidth)
          .map((box) => box.getAttribute("aria-label") + ": " + box.scrollWidth + " in " + box.clientWidth)]`,
        )) as [number, string[]];
        expect(tables).toBeGreaterThan(12);
        expect(wider).toEqual([]);
      }
    },
  );

  it.for([8, 90, 1546, 3091, 99_999, 1_500_000])(
    'labels a training of %d steps without a label over another',
    async (steps, context) => {
      const train = [0, 0.5, 1].map((part) => ({
        step: Math.max(1, Math.round(part * steps)),
        loss: 2 - part,
      }));
      const long = report.experts.map((expert) => ({ ...expert, curve: { train, evaluation: [] } }));
      const { page } = await open(context, { ...report, experts: long }, { width: 320 });
      const places = (await page.evaluate(
        `[...document.querySelectorAll("#loss-1 text[text-anchor=middle]")].map((text) => {
        const { left, right } = text.getBoundingClientRect();
        return [left, right];
      })`,
      )) as [number, number][];
      expect(places.length).toBeGreaterThan(0);
      for (const [index, [left]] of places.entries()) {
        if (index > 0) expect(left).toBeGreaterThan((places[index - 1]?.[1] ?? 0) + 2);
      }
    },
  );

  it('follows its reader to the dark, with enough contrast in both', async (context) => {
    const colours = `["body", "h1", ".quiet", ".plot text", "a"].map((selector) => {
      const style = getComputedStyle(document.querySelector(selector));
      return selector === "body" ? style.backgroundColor : selector === ".plot text" ? style.fill : style.color;
    })`;
    const seen: string[][] = [];
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await open(context, report, { scheme });
      const [paper = '', ...inks] = (await page.evaluate(colours)) as string[];
      seen.push([paper, ...inks]);
      for (const ink of inks) expect(contrast(ink, paper)).toBeGreaterThan(4.5);
    }
    expect(seen[0]?.filter((colour, index) => colour === seen[1]?.[index])).toEqual([]);
  });

  it('is printed in black on white whatever the screen has', async (context) => {
    const { page } = await open(context, report, { scheme: 'dark' });
    await page.emulateMediaType('print');
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(0, 0, 0)');
    expect(await page.evaluate('getComputedStyle(document.querySelector("nav")).display')).toBe('none');
  });

  it('shows hostile texts as texts', async (context) => {
    const { page, complaints } = await open(context, hostileReport(report), { width: 360 });
    await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
    await page.hover('h1');
    expect(complaints).toEqual([]);
    expect(await page.title()).toContain('<script>');
    expect(
      await page.evaluate(
        'document.querySelectorAll("script, img, iframe, b, [onmouseover], a:not(nav a)").length',
      ),
    ).toBe(0);
    expect(await page.evaluate('document.querySelectorAll("h1").length')).toBe(1);
    expect(await page.evaluate(overflow)).toBe(0);
  });

  it('lets the policy of the page refuse what is put in', async (context) => {
    const { page, complaints } = await open(context, report);
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement("script"), { textContent: 'document.title = "broken"' }))`,
    );
    expect(await page.title()).not.toBe('broken');
    expect(complaints.join()).toContain('Content Security Policy');
  });
});

/** Contrast ratio of two colours, `rgb(r, g, b)` (WCAG 2.2, "contrast ratio" and "relative luminance"). */
function contrast(a: string, b: string): number {
  const [lighter = 0, darker = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/\d+/g) ?? []).map((text) => {
    const share = Number(text) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
